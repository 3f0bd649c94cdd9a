// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/create_spec.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kGiB = 1 << 30;

NewVolume Wanted() {
  NewVolume volume;
  volume.request_name = "pvc-1";
  volume.parameters = {{"clusterID", "rook-ceph"},
                       {"pool", "rbd"},
                       {"csi.storage.k8s.io/pv/name", "pv-1"},
                       {"csi.storage.k8s.io/pvc/name", "data"},
                       {"csi.storage.k8s.io/pvc/namespace", "team-a"}};
  volume.range = {.required_bytes = kGiB, .limit_bytes = 2 * kGiB};
  return volume;
}

TEST(CreateSpecTest, PutsTheRequestTogether) {
  ASSERT_OK_AND_ASSIGN(const CreatePlan plan, PlanVolume(Wanted(), {}));
  EXPECT_EQ(plan.spec.request_name, "pvc-1");
  EXPECT_EQ(plan.spec.cluster_id, "rook-ceph");
  EXPECT_EQ(plan.spec.pool, "rbd");
  EXPECT_EQ(plan.spec.journal_pool, "rbd");
  EXPECT_EQ(plan.spec.owner, "team-a");
  EXPECT_EQ(plan.spec.pvc, "data");
  EXPECT_EQ(plan.spec.layout.size_bytes, static_cast<std::uint64_t>(kGiB));
  EXPECT_EQ(plan.spec.limit_bytes, static_cast<std::uint64_t>(2 * kGiB));
  EXPECT_FALSE(plan.spec.encryption.has_value());
  EXPECT_THAT(plan.spec.labels, IsEmpty());
}

TEST(CreateSpecTest, LabelsComeWithSetMetadataOnly) {
  ASSERT_OK_AND_ASSIGN(const CreatePlan without,
                       PlanVolume(Wanted(), {.set_metadata = false, .cluster_name = "k8s-1"}));
  EXPECT_THAT(without.spec.labels, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const CreatePlan with,
                       PlanVolume(Wanted(), {.set_metadata = true, .cluster_name = "k8s-1"}));
  EXPECT_THAT(with.spec.labels,
              UnorderedElementsAre(Pair("csi.storage.k8s.io/pv/name", "pv-1"),
                                   Pair("csi.storage.k8s.io/pvc/name", "data"),
                                   Pair("csi.storage.k8s.io/pvc/namespace", "team-a"),
                                   Pair("csi.ceph.com/cluster/name", "k8s-1")));
}

TEST(CreateSpecTest, EncryptedVolumeNeedsRoomForItsHeader) {
  NewVolume volume = Wanted();
  volume.parameters["encrypted"] = "true";
  volume.range = {.required_bytes = 16 << 20, .limit_bytes = 0};
  EXPECT_THAT(PlanVolume(volume, {}), StatusIs(Code::kOutOfRange, HasSubstr("header")));
  volume.range.required_bytes = 64 << 20;
  ASSERT_OK_AND_ASSIGN(const CreatePlan plan, PlanVolume(volume, {}));
  EXPECT_TRUE(plan.spec.encryption.has_value());
}

TEST(CreateSpecTest, TopologyChoosesThePoolAndLeavesTheJournal) {
  NewVolume volume = Wanted();
  volume.parameters["topologyConstrainedPools"] =
      R"([{"poolName":"near-b","dataPool":"bulk-b",
           "domainSegments":[{"domainLabel":"zone","value":"b"}]}])";
  volume.topology.preferred = {{{"topology.rbd.csi.ceph.com/zone", "b"}}};
  ASSERT_OK_AND_ASSIGN(const CreatePlan plan, PlanVolume(volume, {}));
  EXPECT_EQ(plan.spec.pool, "near-b");
  EXPECT_EQ(plan.spec.journal_pool, "rbd");
  EXPECT_EQ(plan.spec.layout.data_pool, "bulk-b");
  EXPECT_THAT(plan.accessible_topology, ElementsAre(Pair("topology.rbd.csi.ceph.com/zone", "b")));

  volume.topology.preferred.clear();
  ASSERT_OK_AND_ASSIGN(const CreatePlan anywhere, PlanVolume(volume, {}));
  EXPECT_EQ(anywhere.spec.pool, "rbd");
  EXPECT_THAT(anywhere.accessible_topology, IsEmpty());

  volume.parameters.erase("pool");
  EXPECT_THAT(PlanVolume(volume, {}), StatusIs(Code::kInvalidArgument, HasSubstr("pool")));
}

// The answers of the real driver: the same parameters give the same context.
TEST(CreateSpecTest, ContextIsCephCsisOwn) {
  for (const char* name :
       {"v-default", "v-kmip", "v-metadata", "v-tenantsa", "v-vault-kv2", "v-vaulttokens-kv1"}) {
    std::ifstream file(Cat(RBDCRYPT_VECTORS, "/staging/", name, ".create.json"));
    std::stringstream text;
    text << file.rdbuf();
    ASSERT_OK_AND_ASSIGN(const Json answer, ParseJson(text.str(), name));
    const auto expected =
        answer["volume"]["volumeContext"].get<std::map<std::string, std::string>>();
    const Parameters parameters = {{"clusterID", "rook-ceph"},
                                   {"pool", "rbd"},
                                   {"encrypted", "true"},
                                   {"encryptionKMSID", expected.at("encryptionKMSID")},
                                   {"imageFeatures", "layering"},
                                   {"csi.storage.k8s.io/pvc/namespace", "tenant-a"},
                                   {"csi.storage.k8s.io/pvc/name", name}};
    rbd::CreatedVolume created;
    created.image_name = expected.at("imageName");
    created.pool = "rbd";
    created.journal_pool = "rbd";
    const Parameters context = VolumeContext(created, "", parameters);
    EXPECT_EQ((std::map<std::string, std::string>(context.begin(), context.end())), expected);
  }
}

TEST(CreateSpecTest, ContextHasNamespaceAndDataPoolWhereThereAre) {
  rbd::CreatedVolume created;
  created.image_name = "csi-vol-x";
  created.pool = "near-b";
  created.journal_pool = "rbd";
  created.rados_namespace = "tenants";
  EXPECT_THAT(VolumeContext(created, "bulk",
                            {{"clusterID", "c"},
                             {"topologyConstrainedPools", "[]"},
                             {"imageName", "parameter wins"}}),
              UnorderedElementsAre(Pair("clusterID", "c"), Pair("pool", "near-b"),
                                   Pair("journalPool", "rbd"), Pair("radosNamespace", "tenants"),
                                   Pair("dataPool", "bulk"), Pair("imageName", "parameter wins")));
}

}  // namespace
}  // namespace rbdcrypt::csi
