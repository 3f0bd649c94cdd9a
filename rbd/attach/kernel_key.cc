// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/kernel_key.h"

#include <cerrno>
#include <utility>

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/secret_base64.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

constexpr std::int32_t kNoKey = 0;

}  // namespace

Result<KernelKey> KernelKey::Add(const std::string& name, const Secret& base64_key) {
  const auto key = SecretFromBase64(base64_key.RevealText());
  if (!key.ok() || key->empty()) {
    return InvalidArgument(Cat("the key of Ceph user ", name, " is not in Ceph's text form"));
  }
  // The payload is the encoded CephCryptoKey: type, creation time, length, bytes.
  const auto payload = key->Reveal();
  const long serial = syscall(SYS_add_key, "ceph", name.c_str(), payload.data(), payload.size(),
                              KEY_SPEC_THREAD_KEYRING);
  if (serial >= 0) {
    return KernelKey(static_cast<std::int32_t>(serial));
  }
  switch (errno) {
    case EINVAL:
      return InvalidArgument(Cat("the kernel takes the key of Ceph user ", name, " for malformed"));
    case EPERM:
    case EACCES:
      return PermissionDenied(
          "add_key is forbidden: the node plug-in's container must be privileged");
    case ENODEV:
    case ENOSYS:
      return FailedPrecondition("the kernel has no key type \"ceph\": load the module rbd");
    default:
      return FromErrno(errno, Cat("put the key of ", name, " into the kernel's keyring"));
  }
}

KernelKey KernelKey::NoneForTest() {
  return KernelKey(kNoKey);
}

KernelKey::KernelKey(std::int32_t serial) : serial_(serial) {}

KernelKey::KernelKey(KernelKey&& other) noexcept : serial_(std::exchange(other.serial_, kNoKey)) {}

KernelKey::~KernelKey() {
  if (serial_ != kNoKey) {
    syscall(SYS_keyctl, KEYCTL_UNLINK, serial_, KEY_SPEC_THREAD_KEYRING);
  }
}

}  // namespace rbdcrypt::rbd::attach
