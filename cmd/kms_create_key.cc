// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_create_key.h"

#include <memory>

#include "base/json.h"
#include "cmd/kms_session.h"

namespace rbdcrypt::cmd {

Result<kms::KeyAdmin::NewKey> CreateKey(const Context& context,
                                        const KmsCreateKeyOptions& options,
                                        kms::Registry& registry) {
  const kms::RequestSecrets no_secrets;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<kms::KeyAdmin> admin,
      registry.OpenAdmin(context,
                         {.kms_id = options.kms.kms_id, .tenant = "", .secrets = no_secrets}));
  return admin->CreateKey(context, options.bits, options.name);
}

void PrintNewKey(const KmsCreateKeyOptions& options,
                 const kms::KeyAdmin::NewKey& key,
                 std::ostream& out) {
  if (options.kms.json) {
    const Json object = {{"kmsId", options.kms.kms_id},
                         {"name", options.name},
                         {"bits", options.bits},
                         {"keyId", key.id},
                         {"nextStep", key.next_step}};
    out << object.dump() << "\n";
    return;
  }
  out << "KMS \"" << options.kms.kms_id << "\": made the AES key " << options.name << " of "
      << options.bits << " bits\n  identifier  " << key.id << "\n  next        " << key.next_step
      << "\n";
}

Status RunKmsCreateKey(const KmsCreateKeyOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::unique_ptr<KmsSession> session, KmsSession::Open(options.kms));
  ASSIGN_OR_RETURN(const kms::KeyAdmin::NewKey key,
                   CreateKey(session->context(), options, session->registry()));
  PrintNewKey(options, key, out);
  return OkStatus();
}

}  // namespace rbdcrypt::cmd
