// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/volume_id.h"

#include <limits>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUuid[] = "b0285c97-a0ce-11eb-8c66-0242ac110002";
constexpr char kShort[] =
    "0001-0009-rook-ceph-0000000000000002-b0285c97-a0ce-11eb-8c66-0242ac110002";

std::string WithPart(std::size_t at, const std::string& part) {
  return std::string(kShort).replace(at, part.size(), part);
}

// The three worked examples of ceph-csi-compat 1.1, the first a record of a real volume's form.
struct Example {
  VolumeId id;
  std::string text;
};

const Example kExamples[] = {
    {{.version = 1, .cluster_id = "rook-ceph", .pool_id = 2, .uuid = kUuid}, kShort},
    {{.version = 1,
      .cluster_id = "ba68226a-672f-4ba5-97bc-22840318b2ec",
      .pool_id = 2,
      .uuid = kUuid},
     "0001-0024-ba68226a-672f-4ba5-97bc-22840318b2ec-0000000000000002-"
     "b0285c97-a0ce-11eb-8c66-0242ac110002"},
    {{.version = 0xffff,
      .cluster_id = "01616094-9d93-4178-bf45-c7eac19e8b15",
      .pool_id = 0xffff,
      .uuid = "00000000-1111-2222-bbbb-cacacacacaca"},
     "ffff-0024-01616094-9d93-4178-bf45-c7eac19e8b15-000000000000ffff-"
     "00000000-1111-2222-bbbb-cacacacacaca"},
    // CreateVolume's answer of a recorded volume.
    {{.version = 1,
      .cluster_id = "rook-ceph",
      .pool_id = 1,
      .uuid = "455ab52d-aa8e-4721-8d7c-06caa3ab21b9"},
     "0001-0009-rook-ceph-0000000000000001-455ab52d-aa8e-4721-8d7c-06caa3ab21b9"},
};

TEST(VolumeIdTest, EncodesAndDecodesTheWorkedExamples) {
  for (const Example& example : kExamples) {
    EXPECT_THAT(EncodeVolumeId(example.id), IsOkAndHolds(example.text));
    EXPECT_THAT(DecodeVolumeId(example.text), IsOkAndHolds(example.id));
  }
}

TEST(VolumeIdTest, RoundTripsExtremes) {
  for (const std::int64_t pool_id :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    for (const std::size_t length : {1U, 54U, 64U}) {
      const VolumeId id{
          .version = 0, .cluster_id = std::string(length, '-'), .pool_id = pool_id, .uuid = kUuid};
      ASSERT_OK_AND_ASSIGN(const std::string text, EncodeVolumeId(id));
      EXPECT_EQ(text.size(), 64 + length);
      EXPECT_THAT(DecodeVolumeId(text), IsOkAndHolds(id));
    }
  }
}

TEST(VolumeIdTest, RefusesToEncodeWhatDoesNotFit) {
  const VolumeId id{.cluster_id = std::string(65, 'c'), .pool_id = 1, .uuid = kUuid};
  EXPECT_THAT(EncodeVolumeId(id), StatusIs(Code::kInvalidArgument, HasSubstr("clusterID")));
  EXPECT_THAT(EncodeVolumeId({.cluster_id = "", .pool_id = 1, .uuid = kUuid}),
              StatusIs(Code::kInvalidArgument, HasSubstr("clusterID")));
  EXPECT_THAT(EncodeVolumeId({.cluster_id = "a", .pool_id = 1, .uuid = "x"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("UUID")));
}

TEST(VolumeIdTest, TakesUpperCaseAnyVersionAndAnySeparator) {
  ASSERT_OK_AND_ASSIGN(
      const VolumeId id,
      DecodeVolumeId("AB12_0009_rook-ceph_00000000000000FF_B0285C97-A0CE-11EB-8C66-0242AC110002"));
  EXPECT_EQ(id.version, 0xab12);
  EXPECT_EQ(id.cluster_id, "rook-ceph");
  EXPECT_EQ(id.pool_id, 255);
  EXPECT_EQ(id.uuid, "B0285C97-A0CE-11EB-8C66-0242AC110002");
}

TEST(VolumeIdTest, NamesTheFieldThatIsWrong) {
  const struct {
    std::string text;
    const char* field;
  } cases[] = {
      {"", "too few"},
      {std::string(kShort).substr(0, 63), "too few"},
      {WithPart(0, "00g1"), "version"},
      {WithPart(0, "+001"), "version"},
      {WithPart(0, "0x01"), "version"},
      {WithPart(5, "00 9"), "clusterID's length"},
      {WithPart(5, "0008"), "do not fit"},
      {WithPart(5, "000a"), "do not fit"},
      {WithPart(5, "ffff"), "do not fit"},
      {std::string(kShort) + "0", "do not fit"},
      {WithPart(20, "00000000000000z2"), "pool ID"},
      {WithPart(37, "../../../../../../../../../../../etc"), "UUID"},
      {WithPart(37, "b0285c97a-0ce-11eb-8c66-0242ac110002"), "UUID"},
      {"mig_mons-b7f67366bb43f32e07d8a261a7840da9_image-e0b45b52-7e09-47d3-8f1b-806995fa4412_70",
       "version"},
  };

  for (const auto& [text, field] : cases) {
    EXPECT_THAT(DecodeVolumeId(text), StatusIs(Code::kInvalidArgument, HasSubstr(field))) << text;
  }
}

TEST(VolumeIdTest, RefusesClusterIdsThatNoEncoderMakes) {
  const std::string tail = "-0000000000000002-b0285c97-a0ce-11eb-8c66-0242ac110002";
  EXPECT_THAT(DecodeVolumeId("0001-0000-" + tail), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(DecodeVolumeId("0001-0041-" + std::string(65, 'c') + tail),
              StatusIs(Code::kInvalidArgument, HasSubstr("65 bytes")));
  EXPECT_THAT(DecodeVolumeId(std::string("0001-0003-a\0b", 13) + tail),
              StatusIs(Code::kInvalidArgument, HasSubstr("printable")));
  EXPECT_THAT(DecodeVolumeId("0001-0003-a\nb" + tail), StatusIs(Code::kInvalidArgument));
}

TEST(VolumeIdTest, ErrorsDoNotRepeatTheInput) {
  const auto status = DecodeVolumeId(WithPart(10, "evil\x1b[2J\n")).status();
  ASSERT_THAT(status, Not(IsOk()));
  EXPECT_THAT(Message(status), Not(HasSubstr("evil")));
}

}  // namespace
}  // namespace rbdcrypt::rbd
