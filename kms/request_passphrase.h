// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"
#include "kms/registry.h"

namespace rbdcrypt::kms {

// The key encryptionPassphrase of the request's Secret, missed only by those who need it.
//
// Deleting a volume must work after its Secret is gone (safety B3), so an absent passphrase is no
// error until Get(). Owns its copy; immutable, thread safe.
class RequestPassphrase {
 public:
  RequestPassphrase(const RequestSecrets& secrets, std::string kms_id);

  // The passphrase byte for byte; a trailing newline in the Secret is part of it (ceph-csi-compat
  // 5.2). Valid as long as this object.
  // kNotFound: the request had no such key, or an empty one; the text says which Secret to mend.
  Result<const Secret*> Get(std::string_view volume_id) const;

 private:
  std::optional<Secret> passphrase_;
  std::string kms_id_;
};

}  // namespace rbdcrypt::kms
