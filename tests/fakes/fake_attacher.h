// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "rbd/attach/attacher.h"

namespace rbdcrypt::testing {

// Maps images to devices that are only names: "/dev/NAME/IMAGE". Thread safe.
//
// effects(): "attach IMAGE [plain|encrypted] [ro] [OPTIONS]", "detach IMAGE",
// "grow IMAGE[ to BYTES]"; each ends with " of FSID" where the cluster is given.
class FakeAttacher final : public rbd::attach::Attacher {
 public:
  explicit FakeAttacher(std::string name) : name_(std::move(name)) {}

  // From now on this cipher is refused.
  void RefuseCipher(const std::string& cipher);

  // What it says of itself; neither at first.
  void TryEveryKeyslot();
  void ResizeImageOnGrow();

  // Called in the midst of every Attach.
  void CallInAttach(std::function<void()> look);

  // Asked with a device before it is detached: whether a mount keeps it busy.
  void AskInUse(std::function<bool(const std::string& device)> is_in_use);

  // The next change whose line begins with `prefix` fails with `error` and is not done.
  void FailOnce(const std::string& prefix, const Status& error);

  // The device of an image is gone, as after a lost daemon.
  void Lose(const std::string& image);

  std::string DeviceOf(const std::string& image) const;
  bool IsAttached(const std::string& image) const;

  // The DEK an image was opened with; "" for a plain one.
  std::string DekOf(const std::string& image) const;

  std::vector<std::string> effects() const;

  std::string_view name() const override { return name_; }

  Status SupportsCipher(std::string_view cipher, std::uint32_t sector_bytes) const override;

  bool TriesEveryKeyslot() const override;

  Result<rbd::attach::Attachment> Attach(const Context& context,
                                         const rbd::attach::AttachRequest& request) override;
  Status Detach(const Context& context, const rbd::attach::AttachmentKey& key) override;
  Result<std::optional<rbd::attach::Attachment>> Find(
      const Context& context, const rbd::attach::AttachmentKey& key) override;
  bool GrowResizesImage() const override;
  Result<rbd::attach::Attachment> Grow(const Context& context,
                                       const rbd::attach::AttachmentKey& key,
                                       std::uint64_t required_bytes) override;

 private:
  Status Begin(const Context& context, const std::string& line)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  rbd::attach::Attachment AttachmentOf(const std::string& image) const;

  const std::string name_;
  mutable absl::Mutex mutex_;
  std::string refused_cipher_ ABSL_GUARDED_BY(mutex_);
  bool tries_every_keyslot_ ABSL_GUARDED_BY(mutex_) = false;
  bool grow_resizes_image_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> look_ ABSL_GUARDED_BY(mutex_);
  std::function<bool(const std::string&)> is_in_use_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> deks_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> effects_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
