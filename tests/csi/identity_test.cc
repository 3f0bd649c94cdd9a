// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/identity.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::FakeClock;
using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

class IdentityTest : public ::testing::Test {
 protected:
  IdentityService Service(bool has_topology = false) {
    return IdentityService(
        door_, {.name = "rbd.csi.ceph.com", .version = "0.1", .has_topology = has_topology},
        [this] { return ready_; });
  }

  Metrics metrics_;
  FakeClock clock_;
  Door door_{metrics_, clock_, {}};
  Status ready_;
  grpc::ServerContext context_;
};

TEST_F(IdentityTest, SaysWhoItIs) {
  IdentityService service = Service();
  pb::GetPluginInfoRequest request;
  pb::GetPluginInfoResponse response;
  ASSERT_TRUE(service.GetPluginInfo(&context_, &request, &response).ok());
  EXPECT_EQ(response.name(), "rbd.csi.ceph.com");
  EXPECT_EQ(response.vendor_version(), "0.1");
}

TEST_F(IdentityTest, TopologyIsAdvertisedOnlyWhereNodesKnowIt) {
  for (const bool has_topology : {false, true}) {
    IdentityService service = Service(has_topology);
    pb::GetPluginCapabilitiesRequest request;
    pb::GetPluginCapabilitiesResponse response;
    ASSERT_TRUE(service.GetPluginCapabilities(&context_, &request, &response).ok());
    EXPECT_EQ(response.capabilities_size(), has_topology ? 3 : 2);
    EXPECT_EQ(response.capabilities(0).service().type(),
              pb::PluginCapability::Service::CONTROLLER_SERVICE);
    EXPECT_EQ(response.capabilities(response.capabilities_size() - 1).volume_expansion().type(),
              pb::PluginCapability::VolumeExpansion::ONLINE);
  }
}

TEST_F(IdentityTest, ProbeTellsReadyStartingAndBroken) {
  IdentityService service = Service();
  pb::ProbeRequest request;
  pb::ProbeResponse response;
  ASSERT_TRUE(service.Probe(&context_, &request, &response).ok());
  EXPECT_TRUE(response.ready().value());

  ready_ = Unavailable("still starting");
  ASSERT_TRUE(service.Probe(&context_, &request, &response).ok());
  EXPECT_FALSE(response.ready().value());

  ready_ = Internal("no modules");
  const grpc::Status status = service.Probe(&context_, &request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no modules"));
}

TEST(DriverNameTest, AsTheSpecificationAllows) {
  for (const std::string& name :
       {std::string("rbd.csi.ceph.com"), std::string("a"),
        std::string("rook-ceph.rbd.csi.ceph.com"), std::string(63, 'a')}) {
    EXPECT_THAT(CheckDriverName(name), IsOk()) << name;
  }
  for (const std::string& name : {std::string(), std::string("-a"), std::string("a."),
                                  std::string("a_b"), std::string("a b"), std::string(64, 'a')}) {
    EXPECT_THAT(CheckDriverName(name), StatusIs(Code::kInvalidArgument)) << name;
  }
}

}  // namespace
}  // namespace rbdcrypt::csi
