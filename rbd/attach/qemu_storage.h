// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/subprocess.h"
#include "rbd/attach/attacher.h"
#include "rbd/attach/loop_device.h"
#include "rbd/attach/qemu_daemon.h"
#include "rbd/attach/qemu_record.h"

namespace rbdcrypt::rbd::attach {

// For nodes without the modules rbd and dm-crypt: one qemu-storage-daemon a volume opens the image
// with librbd, decrypts it and shows it as a FUSE file, over which a loop device is laid.
//
// Daemon and loop device outlive this process. What each volume has is found again from its folder
// under the runtime folder, its daemon's command line and its loop device's tag: an Attach that was
// cut off at any point is taken down by the next one, which then starts afresh. Nothing secret is
// in argv, environment or a file: key and DEK go through the monitor's socket (safety E1).
//
// Discards are refused, so deleted files do not free space in the pool. Map options are not taken.
class QemuStorage final : public Attacher {
 public:
  struct Options {
    // On a file system that is empty after a reboot; shared by all containers of the node plug-in.
    std::string runtime_folder = "/run/rbdcrypt/qemu";
    // See QemuDaemon; "" leaves the daemons in this process's group.
    std::string daemon_cgroup;
  };

  // kInvalidArgument: the runtime folder's path is too long for sockets in it (33 characters).
  static Result<std::unique_ptr<QemuStorage>> New(Options options, Subprocess& subprocess);

  std::string_view name() const override { return "qemu"; }

  // librbd knows aes-xts-plain64 alone, in sectors of 512 or 4096 bytes.
  Status SupportsCipher(std::string_view cipher, std::uint32_t sector_bytes) const override;

  // librbd takes a passphrase and no slot.
  bool TriesEveryKeyslot() const override { return true; }

  Result<Attachment> Attach(const Context& context, const AttachRequest& request) override;

  // The device is flushed first; where that fails everything is taken down all the same and the
  // answer is kDataLoss, once.
  Status Detach(const Context& context, const AttachmentKey& key) override;
  Result<std::optional<Attachment>> Find(const Context& context, const AttachmentKey& key) override;

  // qemu learns of a new size only by a resize of its own.
  bool GrowResizesImage() const override { return true; }

  Result<Attachment> Grow(const Context& context,
                          const AttachmentKey& key,
                          std::uint64_t required_bytes) override;

 private:
  QemuStorage(Options options, Subprocess& subprocess);

  std::string FolderOf(std::string_view volume_id) const;
  QemuDaemon DaemonOf(std::string_view volume_id) const;
  Result<std::optional<FoundLoop>> LoopOf(std::string_view volume_id,
                                          const std::optional<QemuRecord>& record) const;
  Result<std::optional<Attachment>> FindWhole(const Context& context,
                                              const std::optional<QemuRecord>& record) const;
  Result<Attachment> Build(const Context& context, const AttachRequest& request, QemuRecord record);
  Status StartExport(const Context& context,
                     const AttachRequest& request,
                     const QemuRecord& record);
  Result<std::string> AddLoop(const Context& context, const AttachRequest& request);
  Status TearDown(const Context& context, std::string_view volume_id);
  Status Forget(std::string_view volume_id);

  Options options_;
  Subprocess& subprocess_;
};

}  // namespace rbdcrypt::rbd::attach
