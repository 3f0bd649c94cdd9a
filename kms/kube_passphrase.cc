// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/kube_passphrase.h"

#include <utility>

#include "base/strings.h"
#include "kms/names.h"

namespace rbdcrypt::kms {

KubePassphrase::KubePassphrase(k8s::Client& client, k8s::ObjectName secret, std::string kms_id)
    : client_(client), secret_(std::move(secret)), kms_id_(std::move(kms_id)) {}

Result<Secret> KubePassphrase::Get(const Context& context, std::string_view volume_id) const {
  const std::string what =
      Cat("volume ", volume_id, " needs the passphrase of KMS \"", kms_id_, "\"");
  Result<k8s::SecretObject> object = client_.GetSecret(context, secret_);
  if (!object.ok()) {
    return Annotate(object.status(), Cat(what, ", key ", kPassphraseKey));
  }
  const auto found = object->data.find(kPassphraseKey);
  if (found == object->data.end() || found->second.empty()) {
    return NotFound(Cat(what, ", but Secret ", secret_.ns, "/", secret_.name,
                        found == object->data.end() ? " has no key " : " has nothing in its key ",
                        kPassphraseKey, ": put it there"));
  }
  return std::move(found->second);
}

}  // namespace rbdcrypt::kms
