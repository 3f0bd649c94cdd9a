// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/krbd_request.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

struct World {
  ClusterAccess cluster{.monitors = {"10.0.0.1:6789", "10.0.0.1:3300"}, .user = "csi", .key = {}};
  AttachRequest request{.cluster = cluster,
                        .pool = "rbd",
                        .rados_namespace = "",
                        .image = "csi-vol-1",
                        .volume_id = "0001",
                        .map_options = ""};
};

TEST(KrbdRequestTest, PlainRequest) {
  World world;
  EXPECT_THAT(BuildMapRequest(world.request),
              IsOkAndHolds("10.0.0.1:6789 name=csi,key=client.csi rbd csi-vol-1 -"));
}

TEST(KrbdRequestTest, OptionsReadOnlyAndNamespaceFollowTheIdentity) {
  World world;
  world.request.read_only = true;
  world.request.rados_namespace = "tenants";
  world.request.map_options = "noudev,queue_depth=64,crush_location=host:a|zone:b";
  EXPECT_THAT(BuildMapRequest(world.request),
              IsOkAndHolds("10.0.0.1:6789 name=csi,key=client.csi,queue_depth=64,"
                           "crush_location=host:a|zone:b,ro,_pool_ns=tenants rbd csi-vol-1 -"));
}

TEST(KrbdRequestTest, MsModeChoosesTheOtherAddress) {
  World world;
  world.request.map_options = "ms_mode=secure";
  EXPECT_THAT(BuildMapRequest(world.request), IsOkAndHolds(HasSubstr("10.0.0.1:3300 name=csi")));
  world.request.map_options = "ms_mode=legacy";
  EXPECT_THAT(BuildMapRequest(world.request), IsOkAndHolds(HasSubstr("10.0.0.1:6789 name=csi")));
}

TEST(KrbdRequestTest, OptionsThatCarryAnIdentityAreRefusedWithoutTheirValue) {
  World world;
  for (const char* option : {"secret=AQBsecret", "key=AQBsecret", "name=admin", "_pool_ns=x"}) {
    world.request.map_options = option;
    EXPECT_THAT(BuildMapRequest(world.request),
                StatusIs(Code::kInvalidArgument, Not(HasSubstr("AQBsecret"))));
  }
}

TEST(KrbdRequestTest, WhiteSpaceCannotShiftTheFields) {
  World world;
  world.request.image = "image other";
  EXPECT_THAT(BuildMapRequest(world.request), StatusIs(Code::kInvalidArgument, HasSubstr("image")));
  world.request.image = "";
  EXPECT_THAT(BuildMapRequest(world.request), StatusIs(Code::kInvalidArgument));
  world.request.image = "image";
  world.request.map_options = "a b";
  EXPECT_THAT(BuildMapRequest(world.request), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
