// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The contract of a DEK store, over a real Vault API and a real kube-apiserver, through everything
// that stands between: entries in a ConfigMap, tenants, logins, RBAC.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "cmd/key_managers.h"
#include "cmd/kubernetes.h"
#include "tests/contract/dek_store_contract.h"

namespace rbdcrypt::testing {
namespace {

// A file of JSON: [{"name": "vaulttokens_kv1", "kmsId": "vault-tokens-3", "tenant": "tenant-3",
// "secretFiles": {"vaultCA": "/…/ca.pem"}}, …], each set up in both servers.
constexpr const char* kCases = "RBDCRYPT_KMS_CASES";
// What --vault-token-file is to the driver.
constexpr const char* kTokenFile = "RBDCRYPT_KMS_TOKEN_FILE";
constexpr const char* kKubeconfig = "KUBERNETES_CONFIG_PATH";

// "" where both servers are there.
std::string WhyAbsent() {
  for (const char* name : {kCases, kTokenFile, kKubeconfig}) {
    if (std::getenv(name) == nullptr) {
      return Cat(name, " is not set: tests/keymanagers/test_programs.py sets the servers up");
    }
  }
  return "";
}

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  RBDCRYPT_CHECK(!content.empty());
  return content;
}

// One process of the driver, as far as key managers go: all cases share its connections and logins.
class DriverProcess final : public ::testing::Environment {
 public:
  void SetUp() override {
    auto found = cmd::Kubernetes::Find(k8s::ProcessEnvironment(), SystemClock(), "contract");
    RBDCRYPT_CHECK(found.ok());
    kubernetes_ = *std::move(found);
    managers_ = std::make_unique<cmd::KeyManagers>(
        cmd::KeyManagers::Options{.config_file = "/nowhere",
                                  .vault_token_file = std::getenv(kTokenFile)},
        kubernetes_.get(), metrics_);
  }

  void TearDown() override {
    managers_->Close();
    managers_.reset();
    kubernetes_.reset();
  }

  kms::Registry& registry() { return managers_->registry(); }

 private:
  Metrics metrics_;
  std::unique_ptr<cmd::Kubernetes> kubernetes_;
  std::unique_ptr<cmd::KeyManagers> managers_;
};

class RealVaultWorld final : public DekStoreWorld {
 public:
  RealVaultWorld(DriverProcess& driver, const Json& described) {
    for (const auto& [key, path] : described["secretFiles"].items()) {
      secrets_.emplace(key, Secret(Content(path.get<std::string>())));
    }
    auto opened = driver.registry().Open(
        Context::Background(),
        {.kms_id = described["kmsId"], .tenant = described["tenant"], .secrets = secrets_});
    EXPECT_THAT(opened, IsOk());
    RBDCRYPT_CHECK(opened.ok());
    kms_ = *std::move(opened);
  }

  ~RealVaultWorld() override {
    for (const std::string& volume : volumes_) {
      EXPECT_THAT(store().Remove(Context::Background(), volume), IsOk());
    }
  }

  kms::DekStore& store() override { return *kms_->store(); }

  std::string NewVolume() override {
    static int counter = 0;
    volumes_.push_back(
        Cat("0001-0009-rook-ceph-0000000000000001-contract-", ::getpid(), "-", ++counter));
    return volumes_.back();
  }

 private:
  kms::RequestSecrets secrets_;
  std::shared_ptr<kms::Kms> kms_;
  std::vector<std::string> volumes_;
};

// None where there is no server, so that no case of the contract is counted as run.
std::vector<DekStoreCase> Real() {
  std::vector<DekStoreCase> cases;
  if (!WhyAbsent().empty()) {
    return cases;
  }
  // GoogleTest's from here on.
  auto* const driver = new DriverProcess;
  ::testing::AddGlobalTestEnvironment(driver);
  const Json all = *ParseJson(Content(std::getenv(kCases)), kCases);
  for (const Json& described : all) {
    cases.push_back({described["name"], [driver, described] {
                       return std::make_unique<RealVaultWorld>(*driver, described);
                     }});
  }
  return cases;
}

TEST(VaultContractReal, HasServersToRunOver) {
  if (!WhyAbsent().empty()) {
    GTEST_SKIP() << WhyAbsent();
  }
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DekStoreContract);
INSTANTIATE_TEST_SUITE_P(Real,
                         DekStoreContract,
                         ::testing::ValuesIn(Real()),
                         DekStoreContract::Name);

}  // namespace rbdcrypt::testing
