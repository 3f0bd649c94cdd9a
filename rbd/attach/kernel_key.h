// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// A Ceph user's key in the kernel's keyring, where krbd's option key=<name> looks for it: the
// option string is seen by others, the keyring is not.
//
// It is in the keyring of the thread that made it, so that calls for the same user of different
// clusters do not take each other's; that thread maps the image and drops the key, by destruction.
class KernelKey {
 public:
  // `base64_key` as Ceph writes it. Needs the module libceph, which knows the key type "ceph".
  // kInvalidArgument: not such a key. kPermissionDenied: the container's seccomp profile forbids
  // add_key. kFailedPrecondition: the kernel has no key type "ceph".
  static Result<KernelKey> Add(const std::string& name, const Secret& base64_key);

  KernelKey(KernelKey&& other) noexcept;
  KernelKey& operator=(KernelKey&& other) = delete;
  KernelKey(const KernelKey&) = delete;
  KernelKey& operator=(const KernelKey&) = delete;
  ~KernelKey();

  // Stands for a key that a test's kernel does not ask for.
  static KernelKey NoneForTest();

 private:
  explicit KernelKey(std::int32_t serial);

  std::int32_t serial_;
};

}  // namespace rbdcrypt::rbd::attach
