// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/default_secret.h"

#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "kms/names.h"
#include "kms/request_passphrase.h"

namespace rbdcrypt::kms {
namespace {

// What ceph-csi would draw, though no DEK of this provider is ever random (5.2).
constexpr std::size_t kCephCsiDekBytes = 20;

// One passphrase, one version.
constexpr std::string_view kOnlyVersion = "shared";

class DefaultSecretKms final : public Kms, public DekStore {
 public:
  DefaultSecretKms(std::string id, const RequestSecrets& secrets)
      : id_(std::move(id)), passphrase_(secrets, id_) {}

  const std::string& id() const override { return id_; }

  std::string_view provider() const override { return kDefaultProvider; }

  DekKind dek_kind() const override { return DekKind::kHumanPassphrase; }

  std::size_t dek_bytes() const override { return kCephCsiDekBytes; }

  Identity identity() const override { return Identity::kRequest; }

  bool is_shared_passphrase() const override { return true; }

  DekStore* store() override { return this; }

  bool CanCompareAndSet() const override { return false; }

  Result<StoredDek> Fetch(const Context& /*context*/, std::string_view volume_id) override {
    ASSIGN_OR_RETURN(const Secret* passphrase, passphrase_.Get(volume_id));
    return StoredDek{.dek = passphrase->Clone(), .version = std::string(kOnlyVersion)};
  }

  Result<std::string> Create(const Context& /*context*/,
                             std::string_view volume_id,
                             const Secret& dek) override {
    ASSIGN_OR_RETURN(const Secret* passphrase, passphrase_.Get(volume_id));
    if (!SameSecret(*passphrase, dek)) {
      return AlreadyExists(Cat("KMS \"", id_,
                               "\" gives every volume the passphrase of its Secret; "
                               "it cannot hold another key for volume ",
                               volume_id,
                               ": use a StorageClass with the same passphrase or another KMS"));
    }
    return std::string(kOnlyVersion);
  }

  Result<std::string> Replace(const Context& /*context*/,
                              std::string_view volume_id,
                              std::string_view /*expected_version*/,
                              const Secret& /*dek*/) override {
    return FailedPrecondition(Cat("volume ", volume_id, " has the shared passphrase of KMS \"", id_,
                                  "\", which cannot rotate: copy its data to a volume of a "
                                  "StorageClass whose KMS keeps a key for each volume"));
  }

  Result<StoredDek> FetchPrevious(const Context& /*context*/, std::string_view volume_id) override {
    return NotFound(Cat("KMS \"", id_, "\" keeps no previous key of volume ", volume_id));
  }

  Status RemovePrevious(const Context& /*context*/, std::string_view /*volume_id*/) override {
    return OkStatus();
  }

  Status Remove(const Context& /*context*/, std::string_view /*volume_id*/) override {
    return OkStatus();
  }

 private:
  const std::string id_;
  const RequestPassphrase passphrase_;
};

}  // namespace

ProviderFactory DefaultSecretProvider() {
  return [](const Context& /*context*/, const ConfigEntry& entry,
            const KmsRequest& request) -> Result<std::shared_ptr<Kms>> {
    return std::make_shared<DefaultSecretKms>(entry.id, request.secrets);
  };
}

}  // namespace rbdcrypt::kms
