// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::StatusIs;

Json Parse(std::string_view text) {
  return Json::parse(text);
}

TEST(ObjectsTest, MetadataIsReadWhole) {
  ASSERT_OK_AND_ASSIGN(const ObjectMeta meta, ParseMeta(Parse(R"({
    "metadata": {
      "name": "data", "namespace": "shop", "uid": "u-1", "resourceVersion": "77",
      "annotations": {"a": "1"}, "labels": {"l": "2"},
      "creationTimestamp": "2026-01-01T00:00:00Z",
      "deletionTimestamp": "2026-01-02T00:00:00Z",
      "generation": 4,
      "ownerReferences": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "p",
                           "uid": "u-2", "controller": true, "blockOwnerDeletion": true}]}})")));
  EXPECT_EQ(meta.name, "data");
  EXPECT_EQ(meta.ns, "shop");
  EXPECT_EQ(meta.Name(), (ObjectName{"shop", "data"}));
  EXPECT_EQ(meta.uid, "u-1");
  EXPECT_EQ(meta.resource_version, "77");
  EXPECT_THAT(meta.annotations, ElementsAre(Pair("a", "1")));
  EXPECT_THAT(meta.labels, ElementsAre(Pair("l", "2")));
  EXPECT_EQ(meta.created, ParseTime("2026-01-01T00:00:00Z"));
  EXPECT_EQ(meta.deleted, ParseTime("2026-01-02T00:00:00Z"));
  ASSERT_EQ(meta.owners.size(), 1U);
  EXPECT_EQ(meta.owners[0].api_version, "v1");
  EXPECT_EQ(meta.owners[0].kind, "PersistentVolumeClaim");
  EXPECT_EQ(meta.owners[0].name, "p");
  EXPECT_EQ(meta.owners[0].uid, "u-2");
  EXPECT_TRUE(meta.owners[0].is_controller);
}

TEST(ObjectsTest, AnEmptyObjectHasEmptyFields) {
  const Json empty = Json::object();
  ASSERT_OK_AND_ASSIGN(const PersistentVolume volume, ParsePersistentVolume(empty));
  EXPECT_FALSE(volume.csi.has_value());
  EXPECT_FALSE(volume.claim.has_value());
  ASSERT_OK_AND_ASSIGN(const PersistentVolumeClaim claim, ParsePersistentVolumeClaim(empty));
  EXPECT_FALSE(claim.storage_class.has_value());
  EXPECT_FALSE(claim.meta.created.has_value());
  ASSERT_OK_AND_ASSIGN(const Lease lease, ParseLease(empty));
  EXPECT_EQ(lease.holder, "");
  EXPECT_FALSE(lease.renewed.has_value());
}

TEST(ObjectsTest, ConfigMapsGiveTheirText) {
  ASSERT_OK_AND_ASSIGN(const ConfigMap map,
                       ParseConfigMap(Parse(R"({"data":{"a":"1"},"binaryData":{"b":"AA=="}})")));
  EXPECT_THAT(map.data, ElementsAre(Pair("a", "1")));
}

TEST(ObjectsTest, ServiceAccountsGiveTheirSecretsInOrder) {
  ASSERT_OK_AND_ASSIGN(const ServiceAccount account,
                       ParseServiceAccount(Parse(R"({"secrets":[{"name":"b"},{"name":"a"}]})")));
  EXPECT_THAT(account.secrets, ElementsAre("b", "a"));
}

TEST(ObjectsTest, NamespacesGiveAnnotationsAndPhase) {
  ASSERT_OK_AND_ASSIGN(const Namespace ns, ParseNamespace(Parse(R"({
      "metadata":{"annotations":{"a":"1"}}, "status":{"phase":"Terminating"}})")));
  EXPECT_THAT(ns.meta.annotations, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(ns.phase, "Terminating");
}

TEST(ObjectsTest, ClaimsTellNoClassFromTheEmptyOne) {
  ASSERT_OK_AND_ASSIGN(const PersistentVolumeClaim claim, ParsePersistentVolumeClaim(Parse(R"({
      "spec":{"storageClassName":"","volumeName":"pvc-1"}, "status":{"phase":"Bound"}})")));
  EXPECT_EQ(claim.storage_class, "");
  EXPECT_EQ(claim.volume_name, "pvc-1");
  EXPECT_EQ(claim.phase, "Bound");
}

TEST(ObjectsTest, VolumesGiveDriverHandleAttributesAndSecrets) {
  ASSERT_OK_AND_ASSIGN(const PersistentVolume volume, ParsePersistentVolume(Parse(R"({
      "spec": {
        "storageClassName": "fast",
        "csi": {"driver": "rbd.csi.ceph.com", "volumeHandle": "0001-x",
                "volumeAttributes": {"pool": "p"},
                "nodeStageSecretRef": {"name": "n", "namespace": "ceph"},
                "controllerExpandSecretRef": {"name": "c", "namespace": "ceph"},
                "nodeExpandSecretRef": {"name": "e", "namespace": "ceph"}},
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data",
                     "uid": "u-1", "apiVersion": "v1"}},
      "status": {"phase": "Bound"}})")));
  ASSERT_TRUE(volume.csi.has_value());
  EXPECT_EQ(volume.csi->driver, "rbd.csi.ceph.com");
  EXPECT_EQ(volume.csi->volume_handle, "0001-x");
  EXPECT_THAT(volume.csi->attributes, ElementsAre(Pair("pool", "p")));
  EXPECT_EQ(volume.csi->node_stage_secret, (ObjectName{"ceph", "n"}));
  EXPECT_EQ(volume.csi->controller_expand_secret, (ObjectName{"ceph", "c"}));
  EXPECT_EQ(volume.csi->node_expand_secret, (ObjectName{"ceph", "e"}));
  ASSERT_TRUE(volume.claim.has_value());
  EXPECT_EQ(volume.claim->kind, "PersistentVolumeClaim");
  EXPECT_EQ(volume.claim->ns, "shop");
  EXPECT_EQ(volume.claim->name, "data");
  EXPECT_EQ(volume.claim->uid, "u-1");
  EXPECT_EQ(volume.storage_class, "fast");
  EXPECT_EQ(volume.phase, "Bound");
}

TEST(ObjectsTest, StorageClassesGiveProvisionerAndParameters) {
  ASSERT_OK_AND_ASSIGN(
      const StorageClass result,
      ParseStorageClass(
          Parse(R"({"provisioner":"rbd.csi.ceph.com","parameters":{"encrypted":"true"}})")));
  EXPECT_EQ(result.provisioner, "rbd.csi.ceph.com");
  EXPECT_THAT(result.parameters, ElementsAre(Pair("encrypted", "true")));
}

TEST(ObjectsTest, LeasesGiveHolderAndTimes) {
  ASSERT_OK_AND_ASSIGN(const Lease lease, ParseLease(Parse(R"({"spec":{
      "holderIdentity":"a","leaseDurationSeconds":15,"leaseTransitions":3,
      "acquireTime":"2026-01-01T00:00:00.000001Z","renewTime":"2026-01-01T00:00:02.000000Z"}})")));
  EXPECT_EQ(lease.holder, "a");
  EXPECT_EQ(lease.duration_seconds, 15);
  EXPECT_EQ(lease.transitions, 3);
  EXPECT_EQ(lease.acquired, ParseTime("2026-01-01T00:00:00.000001Z"));
  EXPECT_EQ(lease.renewed, ParseTime("2026-01-01T00:00:02Z"));
}

TEST(ObjectsTest, AWrongTypeDeepInsideNamesItsField) {
  EXPECT_THAT(ParsePersistentVolumeClaim(Parse(R"({"spec":{"volumeName":7}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("PersistentVolumeClaim.spec.volumeName")));
  EXPECT_THAT(
      ParsePersistentVolume(Parse(R"({"spec":{"csi":{"volumeAttributes":{"a":1}}}})")),
      StatusIs(Code::kInvalidArgument, HasSubstr("PersistentVolume.spec.csi.volumeAttributes.a")));
  EXPECT_THAT(ParsePersistentVolume(Parse(R"({"spec":{"csi":"x"}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("spec.csi")));
  EXPECT_THAT(ParsePersistentVolume(Parse(R"({"spec":{"csi":{"nodeStageSecretRef":1}}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("nodeStageSecretRef")));
  EXPECT_THAT(ParsePersistentVolume(Parse(R"({"spec":{"claimRef":{"name":1}}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("claimRef.name")));
  EXPECT_THAT(ParseServiceAccount(Parse(R"({"secrets":[{"name":1}]})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("secrets[].name")));
  EXPECT_THAT(ParseConfigMap(Parse(R"({"metadata":{"ownerReferences":[{"kind":1}]}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("ownerReferences[].kind")));
  EXPECT_THAT(ParseNamespace(Parse(R"({"status":{"phase":1}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("Namespace.status.phase")));
  EXPECT_THAT(ParseLease(Parse(R"({"spec":{"renewTime":7}})")),
              StatusIs(Code::kInvalidArgument, HasSubstr("Lease.spec.renewTime")));
  EXPECT_THAT(ParseStorageClass(Parse("[]")), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::k8s
