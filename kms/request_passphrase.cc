// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/request_passphrase.h"

#include <utility>

#include "base/strings.h"
#include "kms/names.h"

namespace rbdcrypt::kms {

RequestPassphrase::RequestPassphrase(const RequestSecrets& secrets, std::string kms_id)
    : kms_id_(std::move(kms_id)) {
  const auto found = secrets.find(kPassphraseKey);
  if (found != secrets.end() && !found->second.empty()) {
    passphrase_ = found->second.Clone();
  }
}

Result<const Secret*> RequestPassphrase::Get(std::string_view volume_id) const {
  if (!passphrase_.has_value()) {
    return NotFound(Cat("volume ", volume_id, " needs the passphrase of KMS \"", kms_id_,
                        "\", but the request's Secret has no key ", kPassphraseKey,
                        ": add it to the Secret that the StorageClass names in "
                        "csi.storage.k8s.io/provisioner-secret-name and node-stage-secret-name"));
  }
  return &*passphrase_;
}

}  // namespace rbdcrypt::kms
