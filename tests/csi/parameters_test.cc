// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/parameters.h"

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csi/go_bool.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Parameters Minimal() {
  return {{"clusterID", "rook-ceph"}, {"pool", "rbd"}};
}

Parameters With(const std::string& name, const std::string& value) {
  Parameters parameters = Minimal();
  parameters[name] = value;
  return parameters;
}

TEST(ParametersTest, DefaultsAreCephCsis) {
  ASSERT_OK_AND_ASSIGN(const StorageClass result, ReadStorageClass(Minimal()));
  EXPECT_EQ(result.cluster_id, "rook-ceph");
  EXPECT_EQ(result.pool, "rbd");
  EXPECT_EQ(result.data_pool, "");
  EXPECT_EQ(result.name_prefix, "");
  EXPECT_EQ(result.features, std::nullopt);
  EXPECT_EQ(result.object_size_bytes, 0U);
  EXPECT_EQ(result.node.encryption, std::nullopt);
  EXPECT_EQ(result.node.mounter, "rbd");
  EXPECT_FALSE(result.node.may_try_other_mounters);
  EXPECT_THAT(result.node.mkfs_options, IsEmpty());
}

TEST(ParametersTest, EverythingThatIsKnownIsRead) {
  ASSERT_OK_AND_ASSIGN(const StorageClass result,
                       ReadStorageClass({{"clusterID", "c"},
                                         {"pool", "p"},
                                         {"dataPool", "d"},
                                         {"volumeNamePrefix", "vol-"},
                                         {"imageFeatures", "layering,exclusive-lock"},
                                         {"mounter", "rbd-nbd"},
                                         {"tryOtherMounters", "true"},
                                         {"mapOptions", "krbd:a;nbd:b"},
                                         {"unmapOptions", "force"},
                                         {"mkfsOptions", "-m0  -Elazy_itable_init=1"},
                                         {"stripeUnit", "65536"},
                                         {"stripeCount", "16"},
                                         {"objectSize", "4194304"},
                                         {"encrypted", "1"},
                                         {"encryptionKMSID", "vault"}}));
  EXPECT_EQ(result.data_pool, "d");
  EXPECT_EQ(result.name_prefix, "vol-");
  EXPECT_EQ(result.features, 5U);
  EXPECT_EQ(result.stripe_unit_bytes, 65536U);
  EXPECT_EQ(result.stripe_count, 16U);
  EXPECT_EQ(result.object_size_bytes, 4194304U);
  EXPECT_EQ(result.node.mounter, "rbd-nbd");
  EXPECT_TRUE(result.node.may_try_other_mounters);
  EXPECT_EQ(result.node.map_options, (MapOptions{"a", "b"}));
  EXPECT_EQ(result.node.unmap_options, (MapOptions{"force", ""}));
  EXPECT_THAT(result.node.mkfs_options, ElementsAre("-m0", "-Elazy_itable_init=1"));
  ASSERT_TRUE(result.node.encryption.has_value());
  EXPECT_EQ(result.node.encryption->kms_id, "vault");
}

TEST(ParametersTest, OtherReleasesParametersAreNobodysError) {
  EXPECT_THAT(ReadStorageClass({{"clusterID", "c"},
                                {"pool", "p"},
                                {"thickProvision", "maybe"},
                                {"imageFormat", "2"},
                                {"baseIops", "100"},
                                {"cephLogDir", ""},
                                {"csi.storage.k8s.io/pvc/name", "x"}}),
              IsOk());
}

TEST(ParametersTest, EachMistakeNamesItsParameter) {
  const struct {
    const char* name;
    const char* value;
  } kRows[] = {
      {"clusterID", ""},
      {"pool", ""},
      {"dataPool", ""},
      {"radosNamespace", ""},
      {"volumeNamePrefix", ""},
      {"imageFeatures", ""},
      {"imageFeatures", "fast-diff"},
      {"mounter", ""},
      {"mounter", "fuse"},
      {"tryOtherMounters", "yes"},
      {"mapOptions", "fuse:x"},
      {"unmapOptions", "fuse:x"},
      {"encrypted", ""},
      {"encrypted", "yes"},
      {"encrypted", "TrUe"},
      {"stripeUnit", "4096"},
      {"stripeCount", "16"},
      {"stripeUnit", "0"},
      {"objectSize", "0"},
      {"objectSize", "4194303"},
      {"objectSize", "4M"},
      {"objectSize", "-1"},
      {"topologyConstrainedPools", "{}"},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(ReadStorageClass(With(row.name, row.value)),
                StatusIs(Code::kInvalidArgument, HasSubstr(row.name)))
        << row.name << "=" << row.value;
  }
}

TEST(ParametersTest, ClusterAndPoolAreRequired) {
  EXPECT_THAT(ReadStorageClass({{"pool", "p"}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("clusterID")));
  EXPECT_THAT(ReadStorageClass({{"clusterID", "c"}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("pool")));
  EXPECT_THAT(ReadStorageClass({{"clusterID", "c"}, {"topologyConstrainedPools", ""}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("pool")));
  EXPECT_THAT(
      ReadStorageClass({{"clusterID", "c"},
                        {"topologyConstrainedPools", R"([{"poolName":"a","domainSegments":[]}])"}}),
      IsOk());
}

TEST(ParametersTest, GoBooleansAsGoReadsThem) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    EXPECT_EQ(ParseGoBool(yes), true) << yes;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    EXPECT_EQ(ParseGoBool(no), false) << no;
  }
  for (const char* neither : {"", "yes", "tRUE", " true", "2"}) {
    EXPECT_EQ(ParseGoBool(neither), std::nullopt) << neither;
  }
}

TEST(EncryptionParametersTest, PlainWhereItIsOffOrAbsent) {
  for (const Parameters& parameters :
       {Parameters{}, Parameters{{"encrypted", "false"}},
        Parameters{{"encrypted", "F"}, {"encryptionType", "file"}, {"integrityMode", "x"}}}) {
    const auto spec = ReadEncryption(parameters);
    ASSERT_THAT(spec, IsOk());
    EXPECT_FALSE(spec->has_value());
  }
}

TEST(EncryptionParametersTest, EmptyKmsIdIsTheDefaultOnesOtherName) {
  ASSERT_OK_AND_ASSIGN(const auto spec,
                       ReadEncryption({{"encrypted", "t"}, {"encryptionKMSID", ""}}));
  ASSERT_TRUE(spec.has_value());
  EXPECT_EQ(spec->kms_id, "");
  EXPECT_EQ(spec->cipher.name, "aes-xts-plain64");
}

TEST(EncryptionParametersTest, FileTypeIsRefusedWithTheWayOut) {
  EXPECT_THAT(ReadEncryption({{"encrypted", "true"}, {"encryptionType", "file"}}),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("encryptionType"),
                                                     HasSubstr("block"), HasSubstr("ceph-csi"))));
}

TEST(EncryptionParametersTest, MistakesNameTheParameter) {
  const struct {
    const char* name;
    const char* value;
  } kRows[] = {
      {"encryptionType", ""},
      {"encryptionType", "Block"},
      {"integrityMode", "hmac-sha256"},
      {"encryptionCipher", "rot13"},
      {"encryptionCipher", "aes-xts-random"},
      {"encryptionSectorSize", "513"},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(ReadEncryption({{"encrypted", "true"}, {row.name, row.value}}),
                StatusIs(Code::kInvalidArgument, HasSubstr(row.name)))
        << row.name << "=" << row.value;
  }
}

TEST(EncryptionParametersTest, CipherIsReadWithKeyAndSectorSize) {
  ASSERT_OK_AND_ASSIGN(const auto spec, ReadEncryption({{"encrypted", "true"},
                                                        {"encryptionCipher", "serpent-xts-plain64"},
                                                        {"encryptionKeySize", "256"},
                                                        {"encryptionSectorSize", "4096"}}));
  ASSERT_TRUE(spec.has_value());
  EXPECT_EQ(spec->cipher.name, "serpent-xts-plain64");
  EXPECT_EQ(spec->cipher.key_bits, 256U);
  EXPECT_EQ(spec->cipher.sector_bytes, 4096U);
}

TEST(StaticVolumeTest, HandleIsTheImage) {
  ASSERT_OK_AND_ASSIGN(
      const auto volume,
      ReadStaticVolume(
          {{"staticVolume", "true"}, {"clusterID", "c"}, {"pool", "p"}, {"imageName", "other"}},
          "my-image"));
  ASSERT_TRUE(volume.has_value());
  EXPECT_EQ(volume->image_name, "my-image");
  EXPECT_EQ(volume->cluster_id, "c");
  EXPECT_EQ(volume->pool, "p");
}

TEST(StaticVolumeTest, MigratedVolumeNamesItsImage) {
  ASSERT_OK_AND_ASSIGN(const auto volume,
                       ReadStaticVolume({{"staticVolume", "true"},
                                         {"migration", "true"},
                                         {"clusterID", "c"},
                                         {"pool", "p"},
                                         {"imageName", "kubernetes-dynamic-pvc-1"}},
                                        "mig_mons-x_image-y_z"));
  ASSERT_TRUE(volume.has_value());
  EXPECT_EQ(volume->image_name, "kubernetes-dynamic-pvc-1");
}

TEST(StaticVolumeTest, OrdinaryVolumesAreNot) {
  for (const Parameters& context :
       {Minimal(), With("staticVolume", "false"), With("imageName", "csi-vol-x")}) {
    const auto volume = ReadStaticVolume(context, "v");
    ASSERT_THAT(volume, IsOk());
    EXPECT_FALSE(volume->has_value());
  }
}

TEST(StaticVolumeTest, PlaceIsRequired) {
  EXPECT_THAT(ReadStaticVolume({{"staticVolume", "true"}, {"pool", "p"}}, "v"),
              StatusIs(Code::kInvalidArgument, HasSubstr("clusterID")));
  EXPECT_THAT(ReadStaticVolume({{"staticVolume", "true"}, {"clusterID", "c"}}, "v"),
              StatusIs(Code::kInvalidArgument, HasSubstr("pool")));
  EXPECT_THAT(ReadStaticVolume({{"staticVolume", "maybe"}}, "v"),
              StatusIs(Code::kInvalidArgument, HasSubstr("staticVolume")));
}

}  // namespace
}  // namespace rbdcrypt::csi
