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
  for (const char* id : {"vault", "metadata", "default", ""}) {
    EXPECT_THAT(Open(id), IsOk()) << id;
  }
}

TEST_F(KeyManagersTest, ATenantsIdentityNeedsKubernetes) {
  EXPECT_THAT(Open("tenants"), StatusIs(Code::kUnimplemented,
                                        AllOf(HasSubstr("\"tenants\""), HasSubstr("Kubernetes"))));
}

TEST_F(KeyManagersTest, AnUnknownProviderIsToldWithTheKnownOnes) {
  EXPECT_THAT(Open("unknown"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("vualt"), HasSubstr("default, local, metadata, vault, "
                                                           "vaulttenantsa, vaulttokens"))));
}

}  // namespace
}  // namespace rbdcrypt::cmd
