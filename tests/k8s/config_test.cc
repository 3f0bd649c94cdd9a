// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/config.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::k8s {
namespace {

using testing::FakeClock;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
using testing::TempDir;

class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    folder_.Write("token", "pod-token");
    folder_.Write("ca.crt", "-----CA-----\n");
    folder_.Write("namespace", "storage\n");
  }

  Environment environment() {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(std::string(name));
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
  }

  Result<ClusterAccess> InCluster() {
    return InClusterAccess(environment(), clock_, folder_.path());
  }

  TempDir folder_;
  FakeClock clock_;
  std::map<std::string, std::string> variables_ = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                                                   {"KUBERNETES_SERVICE_PORT", "6443"}};
};

TEST_F(ConfigTest, APodsAccessIsItsServiceAccount) {
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, InCluster());
  EXPECT_EQ(access.server.Text(), "https://10.0.0.1:6443");
  EXPECT_EQ(access.tls.ca_pem, "-----CA-----");
  EXPECT_TRUE(access.tls.verify);
  EXPECT_FALSE(access.tls.client.has_value());
  EXPECT_THAT(access.tls_files, ::testing::ElementsAre(folder_.File("ca.crt")));
  EXPECT_EQ(access.ns, "storage");
  ASSERT_OK_AND_ASSIGN(const Secret token, access.token->Token());
  EXPECT_EQ(token.RevealText(), "pod-token");
  folder_.Write("token", "rotated-token");
  ASSERT_OK_AND_ASSIGN(const Secret rotated, access.token->Token());
  EXPECT_EQ(rotated.RevealText(), "rotated-token");
}

TEST_F(ConfigTest, AnIpv6AddressIsBracketed) {
  variables_["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, InCluster());
  EXPECT_EQ(access.server.host, "fd00::1");
  EXPECT_EQ(access.server.Text(), "https://[fd00::1]:6443");
}

TEST_F(ConfigTest, OutsideOfAPodTheWayOutIsNamed) {
  variables_.erase("KUBERNETES_SERVICE_HOST");
  EXPECT_THAT(InCluster(), StatusIs(Code::kInvalidArgument, HasSubstr("KUBERNETES_CONFIG_PATH")));
  variables_["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  variables_["KUBERNETES_SERVICE_PORT"] = "";
  EXPECT_THAT(InCluster(), StatusIs(Code::kInvalidArgument, HasSubstr("KUBERNETES_SERVICE_PORT")));
}

TEST_F(ConfigTest, AnEmptyCaDoesNotMeanTheSystems) {
  folder_.Write("ca.crt", "\n");
  EXPECT_THAT(InCluster(), StatusIs(Code::kInvalidArgument, HasSubstr("ca.crt")));
}

TEST_F(ConfigTest, AMissingFileIsNamed) {
  const TempDir empty;
  EXPECT_THAT(InClusterAccess(environment(), clock_, empty.path()),
              StatusIs(Code::kUnavailable, HasSubstr("ca.crt")));
  empty.Write("ca.crt", "ca");
  empty.Write("namespace", "ns");
  EXPECT_THAT(InClusterAccess(environment(), clock_, empty.path()),
              StatusIs(Code::kUnavailable, HasSubstr("token")));
}

TEST_F(ConfigTest, TheKubeconfigIsPreferredWhereItIsNamed) {
  variables_["KUBERNETES_CONFIG_PATH"] = folder_.Write("config", R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://api.example"}}]
users: [{name: u, user: {token: t}}]
)");
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, FindAccess(environment(), clock_));
  EXPECT_EQ(access.server.host, "api.example");
  variables_["KUBERNETES_CONFIG_PATH"] = folder_.File("absent");
  EXPECT_THAT(FindAccess(environment(), clock_), StatusIs(Code::kUnavailable));
  variables_["KUBERNETES_CONFIG_PATH"] = "";
  variables_.erase("KUBERNETES_SERVICE_HOST");
  EXPECT_THAT(FindAccess(environment(), clock_),
              StatusIs(Code::kInvalidArgument, HasSubstr("KUBERNETES_SERVICE_HOST")));
}

TEST(ProcessEnvironmentTest, VariablesOfThisProcessAreSeen) {
  EXPECT_TRUE(ProcessEnvironment()("PATH").has_value());
  EXPECT_FALSE(ProcessEnvironment()("RBDCRYPT_NO_SUCH_VARIABLE").has_value());
}

}  // namespace
}  // namespace rbdcrypt::k8s
