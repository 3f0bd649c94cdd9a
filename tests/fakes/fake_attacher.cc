// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_attacher.h"

#include <utility>

#include "base/strings.h"

namespace rbdcrypt::testing {

using rbd::attach::Attachment;
using rbd::attach::AttachmentKey;
using rbd::attach::AttachRequest;

namespace {

std::string OfCluster(const std::string& fsid) {
  return fsid.empty() ? "" : " of " + fsid;
}

}  // namespace

void FakeAttacher::RefuseCipher(const std::string& cipher) {
  absl::MutexLock lock(&mutex_);
  refused_cipher_ = cipher;
}

void FakeAttacher::TryEveryKeyslot() {
  absl::MutexLock lock(&mutex_);
  tries_every_keyslot_ = true;
}

void FakeAttacher::ResizeImageOnGrow() {
  absl::MutexLock lock(&mutex_);
  grow_resizes_image_ = true;
}

bool FakeAttacher::TriesEveryKeyslot() const {
  absl::MutexLock lock(&mutex_);
  return tries_every_keyslot_;
}

bool FakeAttacher::GrowResizesImage() const {
  absl::MutexLock lock(&mutex_);
  return grow_resizes_image_;
}

void FakeAttacher::CallInAttach(std::function<void()> look) {
  absl::MutexLock lock(&mutex_);
  look_ = std::move(look);
}

void FakeAttacher::AskInUse(std::function<bool(const std::string& device)> is_in_use) {
  absl::MutexLock lock(&mutex_);
  is_in_use_ = std::move(is_in_use);
}

void FakeAttacher::FailOnce(const std::string& prefix, const Status& error) {
  absl::MutexLock lock(&mutex_);
  failures_[prefix] = error;
}

void FakeAttacher::Lose(const std::string& image) {
  absl::MutexLock lock(&mutex_);
  deks_.erase(image);
}

std::string FakeAttacher::DeviceOf(const std::string& image) const {
  return Cat("/dev/", name_, "/", image);
}

bool FakeAttacher::IsAttached(const std::string& image) const {
  absl::MutexLock lock(&mutex_);
  return deks_.count(image) != 0;
}

std::string FakeAttacher::DekOf(const std::string& image) const {
  absl::MutexLock lock(&mutex_);
  const auto found = deks_.find(image);
  return found == deks_.end() ? "" : found->second;
}

std::vector<std::string> FakeAttacher::effects() const {
  absl::MutexLock lock(&mutex_);
  return effects_;
}

Status FakeAttacher::Begin(const Context& context, const std::string& line) {
  RETURN_IF_ERROR(context.Check(line));
  for (auto failure = failures_.begin(); failure != failures_.end(); ++failure) {
    if (line.starts_with(failure->first)) {
      const Status error = failure->second;
      failures_.erase(failure);
      return error;
    }
  }
  effects_.push_back(line);
  return OkStatus();
}

Attachment FakeAttacher::AttachmentOf(const std::string& image) const {
  return {.device_path = DeviceOf(image), .size_bytes = 1 << 30};
}

Status FakeAttacher::SupportsCipher(std::string_view cipher, std::uint32_t /*sector_bytes*/) const {
  absl::MutexLock lock(&mutex_);
  return cipher == refused_cipher_
             ? InvalidArgument(Cat(name_, " does not open ", cipher, "; use another attacher"))
             : OkStatus();
}

Result<Attachment> FakeAttacher::Attach(const Context& context, const AttachRequest& request) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(
      Begin(context, Cat("attach ", request.image, request.dek == nullptr ? " plain" : " encrypted",
                         request.read_only ? " ro" : "", request.map_options.empty() ? "" : " ",
                         request.map_options, OfCluster(request.cluster_fsid))));
  if (look_) {
    look_();
  }
  deks_[request.image] = request.dek == nullptr ? "" : std::string(request.dek->RevealText());
  return AttachmentOf(request.image);
}

Status FakeAttacher::Detach(const Context& context, const AttachmentKey& key) {
  absl::MutexLock lock(&mutex_);
  if (deks_.count(key.image) == 0) {
    return OkStatus();
  }
  if (is_in_use_ && is_in_use_(DeviceOf(key.image))) {
    return FailedPrecondition(Cat(DeviceOf(key.image), " is still in use"));
  }
  RETURN_IF_ERROR(Begin(context, Cat("detach ", key.image, OfCluster(key.cluster_fsid))));
  deks_.erase(key.image);
  return OkStatus();
}

Result<std::optional<Attachment>> FakeAttacher::Find(const Context& context,
                                                     const AttachmentKey& key) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(context.Check("find"));
  return deks_.count(key.image) == 0 ? std::optional<Attachment>()
                                     : std::optional<Attachment>(AttachmentOf(key.image));
}

Result<Attachment> FakeAttacher::Grow(const Context& context,
                                      const AttachmentKey& key,
                                      std::uint64_t required_bytes) {
  absl::MutexLock lock(&mutex_);
  const std::string promise = required_bytes == 0 ? "" : Cat(" to ", required_bytes);
  RETURN_IF_ERROR(Begin(context, Cat("grow ", key.image, promise, OfCluster(key.cluster_fsid))));
  return AttachmentOf(key.image);
}

}  // namespace rbdcrypt::testing
