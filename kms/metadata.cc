// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/metadata.h"

#include <optional>
#include <string>
#include <utility>

#include "base/strings.h"
#include "kms/aes_gcm.h"
#include "kms/envelope.h"
#include "kms/names.h"
#include "kms/request_passphrase.h"

namespace rbdcrypt::kms {
namespace {

// ceph-csi's encryptionPassphraseSize (ceph-csi-compat 5.2).
constexpr std::size_t kCephCsiDekBytes = 20;

// Checks the entry: which Secret has the passphrase.
Status CheckOptions(const ConfigEntry& entry) {
  const std::string what = Cat("KMS \"", entry.id, "\"");
  ASSIGN_OR_RETURN(const std::optional<std::string> secret_name,
                   OptionalString(entry.options, kSecretNameOption, what));
  RETURN_IF_ERROR(OptionalString(entry.options, kSecretNamespaceOption, what).status());
  if (secret_name.has_value()) {
    return Unimplemented(Cat(what, " takes its passphrase from the Kubernetes Secret of option ",
                             kSecretNameOption, ", which this build cannot read: leave the option ",
                             "out and put ", kPassphraseKey, " into the StorageClass's Secret"));
  }
  return OkStatus();
}

class MetadataKms final : public Kms, public DekWrapper {
 public:
  MetadataKms(std::string id, const RequestSecrets& secrets, std::shared_ptr<ScryptGate> gate)
      : id_(std::move(id)), passphrase_(secrets, id_), gate_(std::move(gate)) {}

  const std::string& id() const override { return id_; }

  std::string_view provider() const override { return kMetadataProvider; }

  std::size_t dek_bytes() const override { return kCephCsiDekBytes; }

  DekWrapper* wrapper() override { return this; }

  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override {
    ASSIGN_OR_RETURN(const Secret key, Key(context, volume_id));
    ASSIGN_OR_RETURN(const Secret nonce, RandomSecret(kGcmNonceBytes));
    ASSIGN_OR_RETURN(const Envelope envelope, SealEnvelope(key, nonce.Reveal(), dek));
    return FormatEnvelope(envelope);
  }

  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override {
    // Parsed first: a damaged text costs no scrypt.
    const Result<Envelope> envelope = ParseEnvelope(wrapped);
    if (!envelope.ok()) {
      return Annotate(envelope.status(), Step(volume_id));
    }
    ASSIGN_OR_RETURN(const Secret key, Key(context, volume_id));
    Result<Secret> dek = OpenEnvelope(key, *envelope);
    if (dek.status().code() == Code::kDataLoss) {
      return DataLoss(Cat(Step(volume_id), ": ", Message(dek.status()),
                          ": either the passphrase is not the one that wrapped it (restore the "
                          "Secret's former value), or the image's metadata is damaged or another "
                          "volume's"));
    }
    return dek;
  }

 private:
  Result<Secret> Key(const Context& context, std::string_view volume_id) const {
    ASSIGN_OR_RETURN(const Secret* passphrase, passphrase_.Get(volume_id));
    return ScryptKey(context, *gate_, *passphrase, volume_id);
  }

  std::string Step(std::string_view volume_id) const {
    return Cat("unwrap the DEK of volume ", volume_id, " with KMS \"", id_, "\"");
  }

  const std::string id_;
  const RequestPassphrase passphrase_;
  const std::shared_ptr<ScryptGate> gate_;
};

}  // namespace

ProviderFactory MetadataProvider(std::shared_ptr<ScryptGate> gate) {
  return [gate = std::move(gate)](const Context& /*context*/, const ConfigEntry& entry,
                                  const KmsRequest& request) -> Result<std::shared_ptr<Kms>> {
    RETURN_IF_ERROR(CheckOptions(entry));
    return std::make_shared<MetadataKms>(entry.id, request.secrets, gate);
  };
}

}  // namespace rbdcrypt::kms
