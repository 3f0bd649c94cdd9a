// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The contract of a wrapper, over a real KMIP server, through everything that stands between:
// entries of a file, credentials in a folder, TLS.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "cmd/key_managers.h"
#include "tests/contract/wrapper_contract.h"

namespace rbdcrypt::testing {
namespace {

// A file of KMS entries, as --kms-config takes it, each with KMIP_CREDENTIALS_DIR: without
// Kubernetes.
constexpr const char* kConfig = "RBDCRYPT_KMIP_CONFIG";

// "" where there is a server.
std::string WhyAbsent() {
  return std::getenv(kConfig) != nullptr
             ? ""
             : Cat(kConfig, " is not set: tests/kmip_server/test_programs.py sets a server up");
}

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::string content{std::istreambuf_iterator<char>(file), {}};
  RBDCRYPT_CHECK(!content.empty());
  return content;
}

// One process of the driver, as far as key managers go: all cases share its connections.
class DriverProcess final : public ::testing::Environment {
 public:
  void SetUp() override {
    managers_ = std::make_unique<cmd::KeyManagers>(
        cmd::KeyManagers::Options{.config_file = std::getenv(kConfig)}, nullptr, metrics_);
  }

  void TearDown() override {
    managers_->Close();
    managers_.reset();
  }

  kms::Registry& registry() { return managers_->registry(); }

 private:
  Metrics metrics_;
  std::unique_ptr<cmd::KeyManagers> managers_;
};

class RealKmipWorld final : public WrapperWorld {
 public:
  RealKmipWorld(DriverProcess& driver, std::string kms_id)
      : driver_(driver), kms_id_(std::move(kms_id)) {}

  std::shared_ptr<kms::Kms> Open() override {
    auto opened = driver_.registry().Open(
        Context::Background(), {.kms_id = kms_id_, .tenant = "tenant-a", .secrets = secrets_});
    EXPECT_THAT(opened, IsOk());
    RBDCRYPT_CHECK(opened.ok());
    return *std::move(opened);
  }

  // A try may cost two requests; tests/kmip does every byte.
  std::size_t damage_stride() const override { return 7; }

 private:
  DriverProcess& driver_;
  const std::string kms_id_;
  const kms::RequestSecrets secrets_;
};

bool IsBound(const Json& options) {
  return options.value("WRAP_FORMAT", "") == "aead";
}

// None where there is no server, so that no case of the contract is counted as run.
std::vector<WrapperCase> Real(bool only_bound) {
  std::vector<WrapperCase> cases;
  if (!WhyAbsent().empty()) {
    return cases;
  }
  // GoogleTest's from here on.
  static DriverProcess* const driver = [] {
    auto* const made = new DriverProcess;
    ::testing::AddGlobalTestEnvironment(made);
    return made;
  }();
  const Json entries = *ParseJson(Content(std::getenv(kConfig)), kConfig);
  for (const auto& [kms_id, options] : entries.items()) {
    if (!only_bound || IsBound(options)) {
      cases.push_back(
          {kms_id, [kms_id = kms_id] { return std::make_unique<RealKmipWorld>(*driver, kms_id); }});
    }
  }
  return cases;
}

TEST(KmipContractReal, HasServersToRunOver) {
  if (!WhyAbsent().empty()) {
    GTEST_SKIP() << WhyAbsent();
  }
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(WrapperContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BoundWrapperContract);
INSTANTIATE_TEST_SUITE_P(Real,
                         WrapperContract,
                         ::testing::ValuesIn(Real(false)),
                         WrapperContract::Name);
INSTANTIATE_TEST_SUITE_P(Real,
                         BoundWrapperContract,
                         ::testing::ValuesIn(Real(true)),
                         BoundWrapperContract::Name);

}  // namespace rbdcrypt::testing
