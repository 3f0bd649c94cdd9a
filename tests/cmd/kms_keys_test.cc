// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// `rbdcrypt kms create-key` and `destroy-key` over a key manager and a cluster in memory.
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/kms_create_key.h"
#include "cmd/kms_destroy_key.h"
#include "rbd/names.h"
#include "tests/fakes/fake_key_admin.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::AllOf;
using testing::Driver;
using ::testing::ElementsAre;
using testing::FakeKeyAdmin;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;
using testing::VolumeWorld;
using Verdict = KeyDestruction::Verdict;

constexpr char kClusters[] = R"([{"clusterID": "rook-ceph", "monitors": ["127.0.0.1:6789"]},
  {"clusterID": "tenants", "monitors": ["127.0.0.1:6789"], "rbd": {"radosNamespace": "tenants"}}])";
constexpr char kSecondCluster[] = R"([{"clusterID": "rook-ceph", "monitors": ["127.0.0.1:6789"]},
                                      {"clusterID": "second", "monitors": ["127.0.0.2:6789"]}])";

class KmsKeysTest : public ::testing::Test {
 protected:
  KmsKeysTest()
      : registry_(world_.kms_config,
                  {{"store",
                    {.open = [this](const auto&, const auto&, const auto&)
                         -> Result<std::shared_ptr<kms::Kms>> { return world_.store; }}},
                   {"wrap",
                    {.open = [this](const auto&, const auto&, const auto&)
                         -> Result<std::shared_ptr<kms::Kms>> { return world_.wrap; },
                     .keeps_deks = false,
                     .admin = [this](const auto&, const auto&, const auto&)
                         -> Result<std::unique_ptr<kms::KeyAdmin>> {
                       return std::make_unique<FakeKeyAdmin>(world_.wrap);
                     }}}}),
        driver_(std::make_unique<Driver>(
            world_.ceph, world_.clock, world_.clusters, registry_, "controller")) {
    UseClusters(kClusters);
    create_.kms.kms_id = destroy_.kms.kms_id = "wrap";
    create_.name = "volumes";
    destroy_.key_id = "1";
    destroy_.cluster.cluster_id = "rook-ceph";
    destroy_.pools = {"rbd"};
  }

  void UseClusters(const std::string& text) {
    clusters_ = std::make_unique<rbd::ClusterConfig>(world_.dir.Write("clusters.json", text), "");
  }

  std::string Create(const std::string& name, const std::string& pool = "rbd") {
    rbd::CreateVolumeSpec spec = VolumeWorld::Spec("wrap");
    spec.request_name = name;
    spec.pool = pool;
    return driver_->Create(spec)->volume_id;
  }

  Result<KeyDestruction> Destroy() {
    const rbd::ClusterEntry cluster = *clusters_->Find("rook-ceph");
    const auto connection = *driver_->process().Shared({}, {.user = "csi", .key = Secret("a2V5")});
    const Result<KeyDestruction> result = DestroyKey(Context::Background(), destroy_,
                                                     {.registry = registry_,
                                                      .clusters = *clusters_,
                                                      .cluster = cluster,
                                                      .connection = *connection});
    if (result.ok()) {
      std::ostringstream out;
      PrintDestruction(*result, out);
      text_ = out.str();
      json_ = DestructionJson(*result);
    }
    return result;
  }

  // Whether the key manager still has the key 1.
  bool HasKey() {
    const Status status = FakeKeyAdmin(world_.wrap).DestroyKey(Context::Background(), "1");
    return status.code() != Code::kNotFound;
  }

  VolumeWorld world_;
  kms::Registry registry_;
  const std::unique_ptr<Driver> driver_;
  std::unique_ptr<rbd::ClusterConfig> clusters_;
  KmsCreateKeyOptions create_;
  KmsDestroyKeyOptions destroy_;
  std::string text_;
  Json json_;
};

TEST_F(KmsKeysTest, ANewKeyIsPrintedWithItsIdentifierAndWhereToPutIt) {
  ASSERT_OK_AND_ASSIGN(const auto key, CreateKey(Context::Background(), create_, registry_));
  std::ostringstream text;
  PrintNewKey(create_, key, text);
  EXPECT_THAT(text.str(),
              AllOf(HasSubstr("KMS \"wrap\": made the AES key volumes of 256 bits\n"),
                    HasSubstr("  identifier  2\n"), HasSubstr("  next        the key volumes")));
  create_.kms.json = true;
  std::ostringstream json;
  PrintNewKey(create_, key, json);
  EXPECT_EQ(Json::parse(json.str()),
            Json::parse(R"({"kmsId": "wrap", "name": "volumes", "bits": 256, "keyId": "2",
                            "nextStep": "the key volumes of 256 bits is in use"})"));
}

TEST_F(KmsKeysTest, ProvidersWhoseKeysAreMadeElsewhereSaySo) {
  create_.kms.kms_id = destroy_.kms.kms_id = "store";
  EXPECT_THAT(CreateKey(Context::Background(), create_, registry_),
              StatusIs(Code::kUnimplemented, HasSubstr("\"store\"")));
  EXPECT_THAT(Destroy(), StatusIs(Code::kUnimplemented, HasSubstr("\"store\"")));
}

TEST_F(KmsKeysTest, AKeyThatNothingNeedsIsDestroyedOnceThatIsAskedFor) {
  world_.wrap->RotateKek();
  Create("pvc-1");
  ASSERT_OK_AND_ASSIGN(KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kMayBeDestroyed);
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("key 1 of KMS \"wrap\", cluster rook-ceph\n"),
                           HasSubstr("looked into: pool rbd, 1 wrapped DEKs\n"),
                           HasSubstr("NOT looked into, and nothing is known of: pool other\n"),
                           HasSubstr("nothing was destroyed. With --yes it is")));
  EXPECT_THAT(world_.wrap->KekOf(Context::Background(), "{"), Not(IsOk()));
  destroy_.yes = true;
  ASSERT_OK_AND_ASSIGN(result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kDestroyed);
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(text_, HasSubstr("\ndestroyed\n"));
  EXPECT_EQ(json_["verdict"], "destroyed");
  EXPECT_EQ(json_["error"], Json());
  EXPECT_FALSE(HasKey());
}

TEST_F(KmsKeysTest, AKeyThatAVolumeNeedsIsNotDestroyed) {
  const std::string volume_id = Create("pvc-1");
  world_.wrap->RotateKek();
  destroy_.yes = true;
  ASSERT_OK_AND_ASSIGN(const KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(text_, AllOf(HasSubstr("NEEDED by current DEK of volume " + volume_id),
                           HasSubstr("pool rbd, KMS \"wrap\"\n"),
                           HasSubstr("refused: 1 need the key or may need it; nothing was")));
  ASSERT_EQ(json_["uses"].size(), 1U);
  const Json& use = json_["uses"][0];
  EXPECT_EQ(use["kind"], "volume");
  EXPECT_EQ(use["volumeId"], volume_id);
  EXPECT_EQ(use["pool"], "rbd");
  EXPECT_EQ(use["what"], "current DEK");
  EXPECT_EQ(use["known"], true);
  EXPECT_FALSE(use.contains("code"));
  EXPECT_EQ(json_["lookedInto"], Json::parse(R"([{"pool": "rbd", "namespace": "",
                                                  "wrappedDeks": 1, "whole": true}])"));
  EXPECT_TRUE(HasKey());
}

TEST_F(KmsKeysTest, ANoOfOnePoolIsNoneOfAnother) {
  Create("pvc-1", "other");
  world_.wrap->RotateKek();
  EXPECT_EQ(Destroy()->verdict, Verdict::kMayBeDestroyed);
  destroy_.pools = {"rbd", "other"};
  EXPECT_EQ(Destroy()->verdict, Verdict::kRefused);
  destroy_.pools = {};
  destroy_.all_pools = true;
  ASSERT_OK_AND_ASSIGN(const KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_EQ(result.uses.front().pool, "other");
  EXPECT_THAT(result.other_pools, IsEmpty());
}

TEST_F(KmsKeysTest, AllPoolsMeansTheirNamespacesToo) {
  world_.ceph.AddNamespace(1, "tenants");
  rbd::Pool& pool = world_.ceph.Admin(1, "tenants");
  const std::string name = "csi-vol-b0285c97-a0ce-11eb-8c66-0242ac110002";
  ASSERT_THAT(pool.images().Create(name, {.size_bytes = 1 << 20}), IsOk());
  const auto text = world_.wrap->WrapDek(Context::Background(), "a-volume", Secret("dek"));
  {
    const auto image = pool.images().Open(name, rbd::OpenMode::kReadWrite);
    ASSERT_THAT((*image)->SetMetadata(rbd::kMetaDek, *text), IsOk());
  }
  world_.wrap->RotateKek();
  ASSERT_OK_AND_ASSIGN(KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kMayBeDestroyed);
  EXPECT_THAT(result.other_pools, ElementsAre("pool other", "pool rbd/tenants"));
  destroy_.pools = {"rbd/tenants"};
  EXPECT_EQ(Destroy()->verdict, Verdict::kRefused);
  destroy_.pools = {};
  destroy_.all_pools = true;
  ASSERT_OK_AND_ASSIGN(result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  ASSERT_EQ(result.uses.size(), 1U);
  EXPECT_EQ(result.uses[0].rados_namespace, "tenants");
  // The clusterID that has this namespace.
  EXPECT_THAT(result.uses[0].image->volume_id, HasSubstr("-tenants-"));
}

TEST_F(KmsKeysTest, AnEntryThatWrapsWithTheKeyForbidsIt) {
  destroy_.yes = true;
  ASSERT_OK_AND_ASSIGN(const KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_THAT(text_, HasSubstr("NEEDED by new DEKs of KMS \"wrap\": it wraps new ones with"));
  EXPECT_EQ(json_["uses"][0]["kind"], "entry");
  EXPECT_EQ(json_["uses"][0]["kmsId"], "wrap");
}

TEST_F(KmsKeysTest, WhatCannotBeToldForbidsItWithItsReason) {
  const std::string image = world_.ImageName(Create("pvc-1"));
  {
    const auto open = world_.ceph.Admin().images().Open(image, rbd::OpenMode::kReadWrite);
    ASSERT_THAT((*open)->SetMetadata(rbd::kMetaDek, "{damaged"), IsOk());
  }
  world_.wrap->RotateKek();
  destroy_.yes = true;
  EXPECT_EQ(Destroy()->verdict, Verdict::kRefused);
  EXPECT_THAT(text_, AllOf(HasSubstr("UNKNOWN whether needed by current DEK of volume"),
                           HasSubstr("\n          DATA_LOSS: ")));
  EXPECT_EQ(json_["uses"][0]["known"], false);
  EXPECT_EQ(json_["uses"][0]["code"], "DATA_LOSS");
}

TEST_F(KmsKeysTest, AKeyManagerOrAClusterThatIsSilentForbidsItAndKeepsTheRows) {
  Create("pvc-1");
  world_.wrap->RotateKek();
  destroy_.yes = true;
  world_.wrap->SetDown(true);
  ASSERT_OK_AND_ASSIGN(KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_THAT(result.status, StatusIs(Code::kUnavailable));
  EXPECT_EQ(result.uses.size(), 1U);
  EXPECT_THAT(text_, HasSubstr("not all was looked at: UNAVAILABLE"));
  EXPECT_EQ(json_["error"]["code"], "UNAVAILABLE");
  world_.wrap->SetDown(false);
  // One pool that is there, one that is not.
  destroy_.pools = {"no-such-pool", "rbd"};
  ASSERT_OK_AND_ASSIGN(result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_THAT(result.status, StatusIs(Code::kNotFound));
  EXPECT_TRUE(HasKey());
}

TEST_F(KmsKeysTest, AnotherClusterOfTheConfigurationMustBeExceptedByName) {
  world_.wrap->RotateKek();
  UseClusters(kSecondCluster);
  ASSERT_OK_AND_ASSIGN(KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  EXPECT_THAT(text_, AllOf(HasSubstr("cluster second of the configuration was not looked into"),
                           HasSubstr("--except-cluster")));
  EXPECT_EQ(json_["otherClusters"], Json::parse(R"(["second"])"));
  destroy_.except_clusters = {"secnd"};
  EXPECT_THAT(Destroy(), StatusIs(Code::kInvalidArgument, HasSubstr("secnd")));
  destroy_.except_clusters = {"second"};
  ASSERT_OK_AND_ASSIGN(result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kMayBeDestroyed);
}

TEST_F(KmsKeysTest, WhatTheKeyManagerAnswersToTheDestructionIsTold) {
  world_.wrap->RotateKek();
  destroy_.key_id = "7";
  destroy_.yes = true;
  ASSERT_OK_AND_ASSIGN(const KeyDestruction result, Destroy());
  EXPECT_EQ(result.verdict, Verdict::kFailed);
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(result.status, StatusIs(Code::kNotFound));
  EXPECT_THAT(text_, HasSubstr("\nNOT_FOUND: "));
  EXPECT_EQ(json_["verdict"], "failed");
  EXPECT_EQ(json_["error"]["code"], "NOT_FOUND");
}

// Between the walk and the destruction somebody gave the entry the old key again.
TEST_F(KmsKeysTest, AnEntryThatChangesMeanwhileIsSeen) {
  world_.wrap->RotateKek();
  destroy_.yes = true;
  int asked = 0;
  kms::Registry changing(
      world_.kms_config,
      {{"store",
        {.open = [this](const auto&, const auto&, const auto&)
             -> Result<std::shared_ptr<kms::Kms>> { return world_.store; }}},
       {"wrap",
        {.open = [&](const auto&, const auto&, const auto&) -> Result<std::shared_ptr<kms::Kms>> {
           // A ring whose first key wraps.
           return ++asked == 1 ? world_.wrap
                               : std::make_shared<testing::FakeWrappingKms>("replaced");
         },
         .admin = [this](const auto&, const auto&,
                         const auto&) -> Result<std::unique_ptr<kms::KeyAdmin>> {
           return std::make_unique<FakeKeyAdmin>(world_.wrap);
         }}}});
  const rbd::ClusterEntry cluster = *clusters_->Find("rook-ceph");
  const auto connection = *driver_->process().Shared({}, {.user = "csi", .key = Secret("a2V5")});
  ASSERT_OK_AND_ASSIGN(const KeyDestruction result, DestroyKey(Context::Background(), destroy_,
                                                               {.registry = changing,
                                                                .clusters = *clusters_,
                                                                .cluster = cluster,
                                                                .connection = *connection}));
  EXPECT_EQ(result.verdict, Verdict::kRefused);
  ASSERT_EQ(result.uses.size(), 1U);
  EXPECT_THAT(result.uses[0].status, StatusIs(Code::kFailedPrecondition));
  EXPECT_TRUE(HasKey());
}

}  // namespace
}  // namespace rbdcrypt::cmd
