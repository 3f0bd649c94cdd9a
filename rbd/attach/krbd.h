// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/subprocess.h"
#include "rbd/attach/attacher.h"
#include "rbd/attach/dm_crypt.h"
#include "rbd/attach/kernel_key.h"
#include "rbd/attach/rbd_bus.h"

namespace rbdcrypt::rbd::attach {

// The kernel's RBD client and, for encrypted volumes, dm-crypt over it; the layout of devices is
// ceph-csi's, which can unstage what this staged (ceph-csi-compat 5.4, 5.7, 8.2).
//
// Keeps no state of its own: what is attached is what the kernel says. An image mapped by anybody
// on this node is used, never mapped twice. Images of one name in two clusters are told apart by
// the cluster's UUID; where the key lacks it and both are mapped, that is kFailedPrecondition.
class Krbd final : public Attacher {
 public:
  // What it stands on; all must outlive it. `add_key` is replaced by tests only.
  struct Parts {
    RbdBus& bus;
    DmCrypt& dm_crypt;
    Subprocess& subprocess;
    std::function<Result<KernelKey>(const std::string& name, const Secret& key)> add_key =
        KernelKey::Add;
  };

  explicit Krbd(Parts parts);

  std::string_view name() const override { return "krbd"; }

  // dm-crypt opens whatever cryptsetup formats.
  Status SupportsCipher(std::string_view cipher, std::uint32_t sector_bytes) const override;

  bool TriesEveryKeyslot() const override { return false; }

  Result<Attachment> Attach(const Context& context, const AttachRequest& request) override;
  Status Detach(const Context& context, const AttachmentKey& key) override;
  Result<std::optional<Attachment>> Find(const Context& context, const AttachmentKey& key) override;

  // The kernel reads the size that the controller has set.
  bool GrowResizesImage() const override { return false; }

  Result<Attachment> Grow(const Context& context,
                          const AttachmentKey& key,
                          std::uint64_t required_bytes) override;

 private:
  // The device of an image, mapped now or before.
  struct Mapped {
    RbdDevice device;
    std::string path;
    bool is_new = false;
  };

  // "/dev/mapper/<name>".
  std::string Path(std::string_view name) const;
  Result<std::optional<RbdDevice>> FindDevice(const AttachmentKey& key) const;
  Status LoadModule(const Context& context);
  Result<Mapped> MapOrReuse(const Context& context, const AttachRequest& request);
  Status Map(const Context& context, const AttachRequest& request);
  Status Unmap(const Context& context, const RbdDevice& device, std::string_view options);
  Result<Attachment> Open(const Context& context,
                          const AttachRequest& request,
                          const Mapped& mapped);
  Result<bool> IsOpen(const Context& context, const AttachRequest& request, const Mapped& mapped);
  Status CloseMapping(const Context& context, const AttachmentKey& key);

  Parts parts_;
};

}  // namespace rbdcrypt::rbd::attach
