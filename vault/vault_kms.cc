// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/vault_kms.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "net/certificates.h"
#include "vault/names.h"
#include "vault/opening.h"
#include "vault/tenant_config.h"
#include "vault/vault_dek_store.h"

namespace rbdcrypt::vault {
namespace {

// ceph-csi's encryptionPassphraseSize (ceph-csi-compat 5.2).
constexpr std::size_t kCephCsiDekBytes = 20;

class VaultKms final : public kms::Kms {
 public:
  VaultKms(std::shared_ptr<VaultFamily> family, OpeningRequest request, const VaultOptions& options)
      : family_(std::move(family)),
        request_(std::move(request)),
        needs_request_(!options.ca_secret.empty()),
        store_(
            request_.entry.kms_id, options.backend == Backend::kV2, [this](const Context& context) {
              return OpenDekStore(context, *family_, request_);
            }) {}

  const std::string& id() const override { return request_.entry.kms_id; }

  std::string_view provider() const override { return ProviderName(request_.entry.flavour); }

  std::size_t dek_bytes() const override { return kCephCsiDekBytes; }

  Identity identity() const override {
    if (request_.entry.flavour != Flavour::kDriver) {
      return Identity::kTenant;
    }
    return needs_request_ ? Identity::kRequest : Identity::kDriver;
  }

  Status Connect(const Context& context) override { return store_.Connect(context); }

  kms::DekStore* store() override { return &store_; }

 private:
  const std::shared_ptr<VaultFamily> family_;
  const OpeningRequest request_;
  const bool needs_request_;
  VaultDekStore store_;
};

// Of provider "vault": the PEM under the key that the entry names.
Result<std::string> RequestCa(const VaultOptions& options, const kms::RequestSecrets& secrets) {
  if (options.ca_secret.empty()) {
    return std::string();
  }
  const auto found = secrets.find(options.ca_secret);
  if (found == secrets.end()) {
    return InvalidArgument(Cat("KMS \"", options.kms_id, "\".", kCaFromSecret,
                               ": the Secret of the StorageClass has no key \"", options.ca_secret,
                               "\": put Vault's CA there, as PEM"));
  }
  return net::CertificatesIn(found->second,
                             Cat("KMS \"", options.kms_id, "\".", kCaFromSecret, ": key \"",
                                 options.ca_secret, "\" of the Secret of the StorageClass"));
}

Result<OpeningRequest> MakeRequest(const VaultFamily& family,
                                   EntryOptions entry,
                                   const kms::KmsRequest& request) {
  OpeningRequest opening{.entry = std::move(entry), .tenant = request.tenant, .pvc = request.pvc};
  if (opening.entry.flavour == Flavour::kDriver) {
    return opening;
  }
  const std::string what = Cat("KMS \"", opening.entry.kms_id, "\"");
  const std::string_view provider = ProviderName(opening.entry.flavour);
  if (family.options().kube == nullptr) {
    return Unimplemented(Cat(what, ": provider \"", provider,
                             "\" reads the tenant's identity from ",
                             "Kubernetes, which this process does not reach"));
  }
  if (opening.tenant.empty()) {
    return InvalidArgument(Cat(what, ": provider \"", provider, "\" needs the namespace of the ",
                               "PVC, and this volume has none: run the provisioner with ",
                               "--extra-create-metadata=true"));
  }
  return opening;
}

}  // namespace

kms::Provider MakeProvider(std::shared_ptr<VaultFamily> family,
                           Flavour flavour,
                           kms::Urgency urgency) {
  const auto open = [family = std::move(family), flavour, urgency](
                        const Context& /*context*/, const kms::ConfigEntry& entry,
                        const kms::KmsRequest& request) -> Result<std::shared_ptr<kms::Kms>> {
    ASSIGN_OR_RETURN(EntryOptions read, ReadEntry(entry, flavour));
    // With the tenant's section, for without it an option may be missing; a ConfigMap comes later.
    ASSIGN_OR_RETURN(const VaultOptions options,
                     ResolveOptions(entry.id, flavour, WithTenantSection(read, request.tenant)));
    ASSIGN_OR_RETURN(OpeningRequest opening, MakeRequest(*family, std::move(read), request));
    opening.urgency = urgency;
    if (flavour == Flavour::kDriver) {
      opening.request_ca = RequestCa(options, request.secrets);
    }
    return std::make_shared<VaultKms>(family, std::move(opening), options);
  };
  return {.open = open, .keeps_deks = true};
}

}  // namespace rbdcrypt::vault
