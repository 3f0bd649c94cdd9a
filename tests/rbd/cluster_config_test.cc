// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/cluster_config.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kTwoClusters[] = R"([
  {"clusterID": "rook-ceph", "monitors": ["10.0.0.1:6789", "v2:10.0.0.2:3300"],
   "rbd": {"radosNamespace": "tenants", "mirrorDaemonCount": 2,
           "netNamespaceFilePath": "/run/net", "later": 1},
   "readAffinity": {"enabled": true, "crushLocationLabels": ["zone"]},
   "cephFS": {"subvolumeGroup": "csi"}, "nfs": {}},
  {"clusterID": "second", "monitors": ["10.0.1.1:6789"]}
])";

TEST(ClusterConfigTest, ReadsAllFieldsOfTheWantedCluster) {
  ASSERT_OK_AND_ASSIGN(const ClusterEntry entry,
                       ParseClusterEntry(kTwoClusters, "rook-ceph", "config.json"));
  EXPECT_EQ(entry.cluster_id, "rook-ceph");
  EXPECT_THAT(entry.monitors, ElementsAre("10.0.0.1:6789", "v2:10.0.0.2:3300"));
  EXPECT_EQ(entry.rados_namespace, "tenants");
  EXPECT_EQ(entry.mirror_daemon_count, 2);
  EXPECT_EQ(entry.net_namespace_file, "/run/net");
}

TEST(ClusterConfigTest, ListsAllClustersEachOnce) {
  ASSERT_OK_AND_ASSIGN(const std::vector<ClusterEntry> entries,
                       ParseClusterEntries(kTwoClusters, "config.json"));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].cluster_id, "rook-ceph");
  EXPECT_EQ(entries[0].rados_namespace, "tenants");
  EXPECT_EQ(entries[1].cluster_id, "second");
  EXPECT_THAT(ParseClusterEntries(R"([{"clusterID": "a", "monitors": ["m"]}, {},
                                      {"clusterID": "a", "monitors": ["n"]}])",
                                  "config.json"),
              IsOkAndHolds(::testing::SizeIs(1)));
  EXPECT_THAT(ParseClusterEntries(R"([{"clusterID": "a", "monitors": []}])", "config.json"),
              StatusIs(Code::kInvalidArgument, HasSubstr("config.json[0].monitors")));
}

TEST(ClusterConfigTest, FillsInDefaults) {
  ASSERT_OK_AND_ASSIGN(const ClusterEntry entry,
                       ParseClusterEntry(kTwoClusters, "second", "config.json"));
  EXPECT_EQ(entry.rados_namespace, "");
  EXPECT_EQ(entry.mirror_daemon_count, 1);
  EXPECT_EQ(entry.net_namespace_file, "");
}

TEST(ClusterConfigTest, MirrorDaemonCountZeroMeansOne) {
  ASSERT_OK_AND_ASSIGN(
      const ClusterEntry entry,
      ParseClusterEntry(
          R"([{"clusterID": "a", "monitors": ["m"], "rbd": {"mirrorDaemonCount": 0}}])", "a",
          "config.json"));
  EXPECT_EQ(entry.mirror_daemon_count, 1);
}

TEST(ClusterConfigTest, ReadsTheFileOfARecordedDriver) {
  ASSERT_OK_AND_ASSIGN(
      const ClusterEntry entry,
      ParseClusterEntry(R"([{"clusterID":"rook-ceph","monitors":["127.0.0.1:40002"]}])",
                        "rook-ceph", "config.json"));
  EXPECT_THAT(entry.monitors, ElementsAre("127.0.0.1:40002"));
}

// ceph-csi's own sample; its decoder rejects the whole file for it (ceph-csi-compat 3.1).
TEST(ClusterConfigTest, ToleratesReadAffinityEnabledAsString) {
  ASSERT_OK_AND_ASSIGN(const ClusterEntry entry,
                       ParseClusterEntry(R"([{"clusterID": "a", "monitors": ["m"],
                             "readAffinity": {"enabled": "false"}}])",
                                         "a", "config.json"));
  EXPECT_THAT(entry.monitors, ElementsAre("m"));
}

TEST(ClusterConfigTest, FirstOfTwoEntriesCounts) {
  ASSERT_OK_AND_ASSIGN(const ClusterEntry entry,
                       ParseClusterEntry(R"([{"clusterID": "a", "monitors": ["one"]},
                                             {"clusterID": "a", "monitors": ["two"]}])",
                                         "a", "config.json"));
  EXPECT_THAT(entry.monitors, ElementsAre("one"));
}

TEST(ClusterConfigTest, ErrorsOfOtherClustersDoNotCount) {
  const char text[] = R"([{"clusterID": "broken", "monitors": 7, "rbd": []}, {},
                          {"clusterID": "a", "monitors": ["m"]}])";
  EXPECT_THAT(ParseClusterEntry(text, "a", "config.json"), ::rbdcrypt::testing::IsOk());
  EXPECT_THAT(ParseClusterEntry(text, "broken", "config.json"),
              StatusIs(Code::kInvalidArgument, HasSubstr("config.json[0].monitors")));
}

TEST(ClusterConfigTest, UnknownClusterNamesFileAndCluster) {
  EXPECT_THAT(
      ParseClusterEntry(kTwoClusters, "third", "config.json"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("third"), HasSubstr("config.json"))));
  EXPECT_THAT(ParseClusterEntry(R"([{"clusterID": "", "monitors": ["m"]}])", "", "config.json"),
              StatusIs(Code::kInvalidArgument));
}

TEST(ClusterConfigTest, NamesTheMalformedField) {
  const struct {
    const char* text;
    const char* field;
  } cases[] = {
      {"", "config.json"},
      {"[", "config.json"},
      {"{}", "config.json is not a JSON array"},
      {"[1]", "config.json[0]"},
      {R"([{"clusterID": 1}])", "config.json[0].clusterID"},
      {R"([{"clusterID": "a"}])", "config.json[0].monitors"},
      {R"([{"clusterID": "a", "monitors": []}])", "config.json[0].monitors"},
      {R"([{"clusterID": "a", "monitors": [1]}])", "monitors"},
      {R"([{"clusterID": "a", "monitors": ["m"], "rbd": 1}])", "config.json[0].rbd"},
      {R"([{"clusterID": "a", "monitors": ["m"], "rbd": {"radosNamespace": 1}}])",
       "config.json[0].rbd.radosNamespace"},
      {R"([{"clusterID": "a", "monitors": ["m"], "rbd": {"mirrorDaemonCount": -1}}])",
       "config.json[0].rbd.mirrorDaemonCount"},
      {R"([{"clusterID": "a", "monitors": ["m"], "rbd": {"mirrorDaemonCount": 4294967297}}])",
       "config.json[0].rbd.mirrorDaemonCount"},
  };

  for (const auto& [text, field] : cases) {
    EXPECT_THAT(ParseClusterEntry(text, "a", "config.json"),
                StatusIs(Code::kInvalidArgument, HasSubstr(field)))
        << text;
  }
}

TEST(ClusterConfigTest, ReadsTheFileAfreshForEveryCall) {
  const TempDir dir;
  const ClusterConfig config(dir.File("config.json"), dir.File("cluster-mapping.json"));
  EXPECT_THAT(config.Find("second"), StatusIs(Code::kInvalidArgument, HasSubstr("config.json")));
  dir.Write("config.json", kTwoClusters);
  ASSERT_OK_AND_ASSIGN(const ClusterEntry entry, config.Find("second"));
  EXPECT_THAT(entry.monitors, ElementsAre("10.0.1.1:6789"));
  dir.Write("config.json", "[]");
  EXPECT_THAT(config.Find("second"), StatusIs(Code::kInvalidArgument));
}

TEST(ClusterConfigTest, UnreadableFileIsNoAnswer) {
  const TempDir dir;
  const ClusterConfig config(dir.path(), dir.path());
  EXPECT_THAT(config.Find("a"), StatusIs(Code::kUnavailable, HasSubstr(dir.path())));
  EXPECT_THAT(config.MappedLocations("a", 1), StatusIs(Code::kUnavailable));
}

constexpr char kMapping[] = R"([
  {"clusterIDMapping": {"site-a": "site-b"},
   "RBDPoolIDMapping": [{"1": "2"}, {"11": "12", "1": "3"}],
   "CephFSFscIDMapping": [{"1": "2"}]},
  {"clusterIDMapping": {"site-a": "site-c"}, "RBDPoolIDMapping": [{"1": "4"}]},
  {"clusterIDMapping": {"other": "another"}, "RBDPoolIDMapping": [{"1": "5"}]}
])";

Result<std::vector<MappedLocation>> Mapped(const char* text, const char* cluster, int pool) {
  return ParseMappedLocations(text, {.cluster_id = cluster, .pool_id = pool},
                              "cluster-mapping.json");
}

TEST(ClusterMappingTest, FindsEveryMappedPlaceInOrder) {
  EXPECT_THAT(Mapped(kMapping, "site-a", 1),
              IsOkAndHolds(ElementsAre(MappedLocation{"site-b", 2}, MappedLocation{"site-b", 3},
                                       MappedLocation{"site-c", 4})));
}

TEST(ClusterMappingTest, MapsBothWays) {
  EXPECT_THAT(Mapped(kMapping, "site-b", 12),
              IsOkAndHolds(ElementsAre(MappedLocation{"site-a", 11})));
  EXPECT_THAT(Mapped(kMapping, "site-c", 4),
              IsOkAndHolds(ElementsAre(MappedLocation{"site-a", 1})));
}

TEST(ClusterMappingTest, GivesNothingForStrangers) {
  EXPECT_THAT(Mapped(kMapping, "site-d", 1), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Mapped(kMapping, "site-a", 99), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Mapped("[]", "site-a", 1), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(Mapped("[{}]", "site-a", 1), IsOkAndHolds(IsEmpty()));
}

TEST(ClusterMappingTest, NeverGivesThePlaceItselfNorOneTwice) {
  EXPECT_THAT(Mapped(R"([{"clusterIDMapping": {"a": "a"}, "RBDPoolIDMapping": [{"1": "1"},
                          {"1": "2"}]},
                         {"clusterIDMapping": {"a": "a"}, "RBDPoolIDMapping": [{"2": "1"}]}])",
                     "a", 1),
              IsOkAndHolds(ElementsAre(MappedLocation{"a", 2})));
}

TEST(ClusterMappingTest, NamesTheMalformedField) {
  const struct {
    const char* text;
    const char* field;
  } cases[] = {
      {"{}", "cluster-mapping.json is not a JSON array"},
      {"[1]", "cluster-mapping.json[0]"},
      {R"([{"clusterIDMapping": []}])", "clusterIDMapping"},
      {R"([{"clusterIDMapping": {"a": 1}}])", "clusterIDMapping.a"},
      {R"([{"RBDPoolIDMapping": {}}])", "RBDPoolIDMapping"},
      {R"([{"RBDPoolIDMapping": [[]]}])", "RBDPoolIDMapping[0]"},
      {R"([{"RBDPoolIDMapping": [{"1": "two"}]}])", "RBDPoolIDMapping[0]"},
      {R"([{"RBDPoolIDMapping": [{"1": "9223372036854775808"}]}])", "RBDPoolIDMapping[0]"},
  };

  for (const auto& [text, field] : cases) {
    EXPECT_THAT(Mapped(text, "a", 1), StatusIs(Code::kInvalidArgument, HasSubstr(field))) << text;
  }
}

TEST(ClusterMappingTest, AbsentFileMapsNothing) {
  const TempDir dir;
  const ClusterConfig config(dir.File("config.json"), dir.File("cluster-mapping.json"));
  EXPECT_THAT(config.MappedLocations("site-a", 1), IsOkAndHolds(IsEmpty()));
  dir.Write("cluster-mapping.json", kMapping);
  EXPECT_THAT(config.MappedLocations("site-c", 4),
              IsOkAndHolds(ElementsAre(MappedLocation{"site-a", 1})));
}

}  // namespace
}  // namespace rbdcrypt::rbd
