// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/config_map_source.h"

#include <string>

#include <absl/synchronization/mutex.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr char kNamespace[] = "rook-ceph";
constexpr char kMetadataEntry[] = R"({"encryptionKMSType": "metadata"})";
constexpr char kVaultEntry[] = R"({"KMS_PROVIDER": "vaulttokens", "VAULT_ADDR": "https://v:8200"})";

const Context kContext = Context::Background();

// Counts, and wakes who waits for a count.
class Counter {
 public:
  void Add() {
    const absl::MutexLock lock(&mutex_);
    ++count_;
  }

  // False after ten seconds.
  bool WaitFor(int count) {
    const absl::MutexLock lock(&mutex_);
    const auto reached = [this, count] { return count_ >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
  }

 private:
  absl::Mutex mutex_;
  int count_ = 0;
};

class ConfigMapSourceTest : public ::testing::Test {
 protected:
  void Put(std::string_view name, const Json& data) {
    api_.Put(k8s::kConfigMaps, {.ns = kNamespace, .name = std::string(name)}, {{"data", data}});
  }

  std::unique_ptr<ConfigMapSource> Make() {
    return std::make_unique<ConfigMapSource>(
        client_, SystemClock(),
        ConfigMapSource::Options{.ns = kNamespace, .changed = [this] { changes_.Add(); }});
  }

  std::string ProviderOf(ConfigMapSource& source, std::string_view id) {
    const Result<ConfigEntry> entry = source.Find(kContext, id);
    return entry.ok() ? entry->provider : CodeName(entry.status().code());
  }

  FakeKubeApi api_;
  k8s::RestClient client_{api_};
  Counter changes_;
};

TEST_F(ConfigMapSourceTest, FindsEntriesInEitherConfigMapTheFirstOneFirst) {
  Put(kConfigMapName, {{"a", kMetadataEntry}, {"both", kMetadataEntry}});
  Put(kFileConfigMapName, {{"config.json", R"({"both": {"encryptionKMSType": "vault"},
                                               "b": {"encryptionKMSType": "vault"}})"}});
  const auto source = Make();
  EXPECT_EQ(ProviderOf(*source, "a"), "metadata");
  EXPECT_EQ(ProviderOf(*source, "both"), "metadata");
  EXPECT_EQ(ProviderOf(*source, "b"), "vault");
  EXPECT_THAT(source->Ids(kContext), IsOkAndHolds(ElementsAre("a", "b", "both")));
}

TEST_F(ConfigMapSourceTest, AMalformedEntryHurtsItselfAlone) {
  Put(kConfigMapName, {{"good", kVaultEntry}, {"bad", "{\"encryptionKMSType\": "}, {"none", "{}"}});
  const auto source = Make();
  EXPECT_EQ(ProviderOf(*source, "good"), "vaulttokens");
  EXPECT_THAT(source->Find(kContext, "bad"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("\"bad\""), HasSubstr("csi-kms-connection-details"))));
  EXPECT_THAT(source->Find(kContext, "none"),
              StatusIs(Code::kInvalidArgument, HasSubstr("KMS_PROVIDER")));
  EXPECT_THAT(source->Ids(kContext), IsOkAndHolds(ElementsAre("bad", "good", "none")));
}

TEST_F(ConfigMapSourceTest, AMalformedConfigMapHidesTheOthersEntriesFromNobody) {
  Put(kConfigMapName, {{"good", kVaultEntry}});
  Put(kFileConfigMapName, {{"config.json", "{\"bad\": "}});
  const auto source = Make();
  EXPECT_EQ(ProviderOf(*source, "good"), "vaulttokens");
  EXPECT_THAT(source->Ids(kContext), IsOkAndHolds(ElementsAre("good")));
  EXPECT_THAT(source->Find(kContext, "bad"),
              StatusIs(Code::kInvalidArgument, HasSubstr(kFileConfigMapName)));
}

TEST_F(ConfigMapSourceTest, NoConfigMapHasNoEntries) {
  const auto source = Make();
  EXPECT_THAT(source->Find(kContext, "a"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("\"a\""), HasSubstr("csi-kms-connection-details"),
                             HasSubstr(kNamespace))));
  EXPECT_THAT(source->Ids(kContext), IsOkAndHolds(ElementsAre()));
}

TEST_F(ConfigMapSourceTest, WhatWasHeardIsStillKnownAfterTheWatchesStopped) {
  Put(kConfigMapName, {{"a", kMetadataEntry}});
  const auto source = Make();
  EXPECT_EQ(ProviderOf(*source, "a"), "metadata");
  ASSERT_TRUE(changes_.WaitFor(2));
  source->AskToStop();
  EXPECT_EQ(ProviderOf(*source, "a"), "metadata");
}

TEST_F(ConfigMapSourceTest, AWatchSparesTheCallsAndBringsChanges) {
  Put(kConfigMapName, {{"a", kMetadataEntry}});
  const auto source = Make();
  EXPECT_EQ(api_.seen().size(), 0U);
  EXPECT_EQ(ProviderOf(*source, "a"), "metadata");
  // The first sight of both ConfigMaps.
  ASSERT_TRUE(changes_.WaitFor(2));
  ASSERT_TRUE(api_.WaitForWatches(2));
  const std::size_t requests = api_.seen().size();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ProviderOf(*source, "a"), "metadata");
  }
  EXPECT_EQ(api_.seen().size(), requests);
  Put(kConfigMapName, {{"a", kVaultEntry}});
  ASSERT_TRUE(changes_.WaitFor(3));
  EXPECT_EQ(ProviderOf(*source, "a"), "vaulttokens");
  api_.Remove(k8s::kConfigMaps, {.ns = kNamespace, .name = std::string(kConfigMapName)});
  ASSERT_TRUE(changes_.WaitFor(4));
  EXPECT_EQ(ProviderOf(*source, "a"), "INVALID_ARGUMENT");
}

}  // namespace
}  // namespace rbdcrypt::kms
