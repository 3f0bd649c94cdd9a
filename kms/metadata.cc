// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/metadata.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "kms/aes_gcm.h"
#include "kms/envelope.h"
#include "kms/kube_passphrase.h"
#include "kms/names.h"
#include "kms/request_passphrase.h"

namespace rbdcrypt::kms {
namespace {

// ceph-csi's encryptionPassphraseSize (ceph-csi-compat 5.2).
constexpr std::size_t kCephCsiDekBytes = 20;

// Where the passphrase of one volume comes from.
using Passphrase = std::variant<RequestPassphrase, KubePassphrase>;

Result<Passphrase> PassphraseOf(const ConfigEntry& entry,
                                const KmsRequest& request,
                                k8s::Client* kubernetes) {
  const std::string what = Cat("KMS \"", entry.id, "\"");
  ASSIGN_OR_RETURN(const std::optional<std::string> name,
                   OptionalString(entry.options, kSecretNameOption, what));
  ASSIGN_OR_RETURN(const std::optional<std::string> ns,
                   OptionalString(entry.options, kSecretNamespaceOption, what));
  if (!name.has_value()) {
    return Passphrase(RequestPassphrase(request.secrets, entry.id));
  }
  if (kubernetes == nullptr) {
    return Unimplemented(
        Cat(what, " takes its passphrase from the Kubernetes Secret of option ", kSecretNameOption,
            ", and this process does not reach Kubernetes: ", "leave the option out and put ",
            kPassphraseKey, " into the StorageClass's Secret"));
  }
  k8s::ObjectName secret{.ns = ns.value_or(request.tenant), .name = *name};
  if (secret.ns.empty() || secret.name.empty()) {
    return InvalidArgument(Cat(what, ": ",
                               secret.name.empty() ? kSecretNameOption : kSecretNamespaceOption,
                               " is missing, and the volume has no PVC namespace to take instead: "
                               "set it, or run the provisioner with --extra-create-metadata=true"));
  }
  return Passphrase(KubePassphrase(*kubernetes, std::move(secret), entry.id));
}

Kms::Identity IdentityOf(const ConfigEntry& entry) {
  if (!entry.options.contains(std::string(kSecretNameOption))) {
    return Kms::Identity::kRequest;
  }
  return entry.options.contains(std::string(kSecretNamespaceOption)) ? Kms::Identity::kDriver
                                                                     : Kms::Identity::kTenant;
}

class MetadataKms final : public Kms, public DekWrapper {
 public:
  MetadataKms(std::string id,
              Identity identity,
              Passphrase passphrase,
              std::shared_ptr<ScryptGate> gate)
      : id_(std::move(id)),
        identity_(identity),
        passphrase_(std::move(passphrase)),
        gate_(std::move(gate)) {}

  const std::string& id() const override { return id_; }

  std::string_view provider() const override { return kMetadataProvider; }

  std::size_t dek_bytes() const override { return kCephCsiDekBytes; }

  Identity identity() const override { return identity_; }

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
    if (const auto* request = std::get_if<RequestPassphrase>(&passphrase_); request != nullptr) {
      ASSIGN_OR_RETURN(const Secret* passphrase, request->Get(volume_id));
      return ScryptKey(context, *gate_, *passphrase, volume_id);
    }
    ASSIGN_OR_RETURN(const Secret passphrase,
                     std::get<KubePassphrase>(passphrase_).Get(context, volume_id));
    return ScryptKey(context, *gate_, passphrase, volume_id);
  }

  std::string Step(std::string_view volume_id) const {
    return Cat("unwrap the DEK of volume ", volume_id, " with KMS \"", id_, "\"");
  }

  const std::string id_;
  const Identity identity_;
  const Passphrase passphrase_;
  const std::shared_ptr<ScryptGate> gate_;
};

}  // namespace

ProviderFactory MetadataProvider(std::shared_ptr<ScryptGate> gate, k8s::Client* kubernetes) {
  return [gate = std::move(gate), kubernetes](
             const Context& /*context*/, const ConfigEntry& entry,
             const KmsRequest& request) -> Result<std::shared_ptr<Kms>> {
    ASSIGN_OR_RETURN(Passphrase passphrase, PassphraseOf(entry, request, kubernetes));
    return std::make_shared<MetadataKms>(entry.id, IdentityOf(entry), std::move(passphrase), gate);
  };
}

}  // namespace rbdcrypt::kms
