// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/key_managers.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// Entries of a file, without Kubernetes.
class KeyManagersTest : public ::testing::Test {
 protected:
  KeyManagersTest() {
    std::ofstream(dir_.path() + "/config.json") << R"({
      "vault": {"encryptionKMSType": "vault", "vaultAddress": "https://vault.example:8200",
                "vaultAuthPath": "/v1/auth/kubernetes/login", "vaultRole": "r",
                "vaultPassphrasePath": "", "vaultCAVerify": "true"},
      "tenants": {"KMS_PROVIDER": "vaulttokens", "VAULT_ADDR": "https://vault.example:8200"},
      "metadata": {"encryptionKMSType": "metadata"},
      "kmip": {"KMS_PROVIDER": "kmip", "KMIP_ENDPOINT": "kmip.example:5696",
               "KMIP_CREDENTIALS_DIR": "/etc/kmip"},
      "kmip-secret": {"KMS_PROVIDER": "kmip", "KMIP_ENDPOINT": "kmip.example:5696"},
      "unknown": {"encryptionKMSType": "vualt"}})";
  }

  Result<std::shared_ptr<kms::Kms>> Open(const std::string& kms_id) {
    return managers_.registry().Open(Context::Background(),
                                     {.kms_id = kms_id, .tenant = "shop", .secrets = secrets_});
  }

  testing::TempDir dir_;
  Metrics metrics_;
  kms::RequestSecrets secrets_;
  KeyManagers managers_{{.config_file = dir_.path() + "/config.json"}, nullptr, metrics_};
};

TEST_F(KeyManagersTest, OpensEachProviderByItsName) {
  for (const char* id : {"vault", "metadata", "kmip", "default", ""}) {
    EXPECT_THAT(Open(id), IsOk()) << id;
  }
}

TEST_F(KeyManagersTest, ATenantsIdentityNeedsKubernetes) {
  EXPECT_THAT(Open("tenants"), StatusIs(Code::kUnimplemented,
                                        AllOf(HasSubstr("\"tenants\""), HasSubstr("Kubernetes"))));
}

TEST_F(KeyManagersTest, CredentialsInASecretNeedKubernetes) {
  EXPECT_THAT(Open("kmip-secret"),
              StatusIs(Code::kUnimplemented,
                       AllOf(HasSubstr("\"kmip-secret\""), HasSubstr("KMIP_CREDENTIALS_DIR"))));
}

TEST_F(KeyManagersTest, KeysOfAKeyManagerCanBeAdministeredWhereTheProviderOffersIt) {
  const auto admin = [this](const std::string& kms_id) {
    return managers_.registry()
        .OpenAdmin(Context::Background(), {.kms_id = kms_id, .tenant = "shop", .secrets = secrets_})
        .status();
  };
  // The folder is not there; that it was looked for shows that the provider was asked.
  EXPECT_THAT(admin("kmip"), StatusIs(Code::kUnavailable, HasSubstr("/etc/kmip")));
  EXPECT_THAT(admin("vault"), StatusIs(Code::kUnimplemented));
}

TEST_F(KeyManagersTest, AnUnknownProviderIsToldWithTheKnownOnes) {
  EXPECT_THAT(Open("unknown"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("vualt"), HasSubstr("default, kmip, local, metadata, vault, "
                                                           "vaulttenantsa, vaulttokens"))));
}

}  // namespace
}  // namespace rbdcrypt::cmd
