// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/vault_kube.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::ElementsAre;
using testing::FakeKubeApi;
using testing::IsOkAndHolds;
using ::testing::Pair;
using testing::StatusIs;

class Recorder final : public k8s::EventRecorder {
 public:
  void Record(k8s::Event event) override { events.push_back(std::move(event)); }

  std::vector<k8s::Event> events;
};

class VaultKubeTest : public ::testing::Test {
 protected:
  const Context context_ = Context::Background();
  FakeKubeApi api_;
  k8s::RestClient client_{api_};
  Recorder recorder_;
  VaultKube kube_{client_, recorder_};
};

TEST_F(VaultKubeTest, ReadsConfigMapsSecretsAndServiceAccounts) {
  api_.Put(k8s::kConfigMaps, {"shop", "config"}, {{"data", {{"vaultRole", "shop"}}}});
  api_.Put(k8s::kSecrets, {"shop", "token"},
           {{"kind", "Secret"}, {"apiVersion", "v1"}, {"data", {{"token", "aHZzLjE="}}}});
  api_.Put(k8s::kServiceAccounts, {"shop", "account"},
           {{"secrets", {{{"name", "first"}}, {{"name", "second"}}}}});
  EXPECT_THAT(kube_.FindConfigMap(context_, "shop", "config"),
              IsOkAndHolds(ElementsAre(Pair("vaultRole", "shop"))));
  ASSERT_OK_AND_ASSIGN(const auto secret, kube_.GetSecret(context_, "shop", "token"));
  ASSERT_EQ(secret.size(), 1U);
  EXPECT_EQ(secret.at("token").RevealText(), "hvs.1");
  EXPECT_THAT(kube_.ServiceAccountSecrets(context_, "shop", "account"),
              IsOkAndHolds(ElementsAre("first", "second")));
}

TEST_F(VaultKubeTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(kube_.FindConfigMap(context_, "shop", "config"), StatusIs(Code::kNotFound));
  EXPECT_THAT(kube_.GetSecret(context_, "shop", "token"), StatusIs(Code::kNotFound));
  EXPECT_THAT(kube_.ServiceAccountSecrets(context_, "shop", "account"), StatusIs(Code::kNotFound));
  EXPECT_THAT(
      kube_.RequestToken(context_, {.ns = "shop", .service_account = "account", .audience = ""}),
      StatusIs(Code::kNotFound));
}

TEST_F(VaultKubeTest, AsksForATokenOfThatAudienceAndLifetime) {
  api_.Put(k8s::kServiceAccounts, {"shop", "account"}, Json::object());
  ASSERT_OK_AND_ASSIGN(const Secret token,
                       kube_.RequestToken(context_, {.ns = "shop",
                                                     .service_account = "account",
                                                     .audience = "vault",
                                                     .lifetime = std::chrono::minutes(10)}));
  EXPECT_FALSE(token.empty());
  const std::string sent = api_.seen().back().body;
  const Json spec = Json::parse(sent)["spec"];
  EXPECT_EQ(spec["audiences"], Json::array({"vault"}));
  EXPECT_EQ(spec["expirationSeconds"], 600);
}

TEST_F(VaultKubeTest, WarnsInTheNamespaceItself) {
  kube_.Warn("shop", "VaultOptionIgnored", "option x has no effect");
  ASSERT_EQ(recorder_.events.size(), 1U);
  const k8s::Event& event = recorder_.events.front();
  EXPECT_EQ(event.regarding.ns, "shop");
  EXPECT_TRUE(event.is_warning);
  EXPECT_EQ(event.reason, "VaultOptionIgnored");
}

}  // namespace
}  // namespace rbdcrypt::cmd
