// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Calls that run at the same time, for ThreadSanitizer too.
#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/csi/csi_world.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::CsiWorld;

TEST(ConcurrentCallsTest, OfTwoCreatesForOneNameOneIsAborted) {
  CsiWorld world;
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<bool> is_first = true;
  world.volumes.ceph.OnEffect([&](const std::string&) {
    if (is_first.exchange(false)) {
      begun.set_value();
      go_on.get_future().wait();
    }
  });
  const pb::CreateVolumeRequest request = CsiWorld::CreateRequest();
  const auto create = [&](pb::CreateVolumeResponse& response) {
    grpc::ServerContext context;
    return world.controller.CreateVolume(&context, &request, &response);
  };
  pb::CreateVolumeResponse first;
  auto winner = std::async(std::launch::async, [&] { return create(first); });
  begun.get_future().wait();
  pb::CreateVolumeResponse second;
  EXPECT_EQ(create(second).error_code(), grpc::StatusCode::ABORTED);
  go_on.set_value();
  EXPECT_TRUE(winner.get().ok());
  EXPECT_TRUE(create(second).ok());
  EXPECT_EQ(second.volume().volume_id(), first.volume().volume_id());
}

TEST(ConcurrentCallsTest, ManyNamesAtOnceAreManyVolumes) {
  CsiWorld world;
  constexpr int kCalls = 8;
  std::vector<std::future<std::string>> calls;
  for (int number = 0; number < kCalls; ++number) {
    calls.push_back(std::async(std::launch::async, [&world, number] {
      pb::CreateVolumeRequest request = CsiWorld::CreateRequest("");
      request.set_name("pvc-" + std::to_string(number));
      grpc::ServerContext context;
      pb::CreateVolumeResponse response;
      EXPECT_TRUE(world.controller.CreateVolume(&context, &request, &response).ok());
      return response.volume().volume_id();
    }));
  }
  std::vector<std::string> volume_ids;
  for (auto& call : calls) {
    volume_ids.push_back(call.get());
  }
  std::sort(volume_ids.begin(), volume_ids.end());
  EXPECT_EQ(std::unique(volume_ids.begin(), volume_ids.end()), volume_ids.end());
}

TEST(ConcurrentCallsTest, TwoStagesOfOneVolumeEndWithOneMount) {
  CsiWorld world;
  const pb::Volume volume = world.Create("");
  std::vector<std::future<grpc::Status>> calls;
  for (int number = 0; number < 4; ++number) {
    calls.push_back(
        std::async(std::launch::async, [&] { return world.Stage(world.StageRequest(volume)); }));
  }
  for (auto& call : calls) {
    const grpc::Status status = call.get();
    EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::ABORTED)
        << status.error_message();
  }
  EXPECT_EQ(world.host.MountPoints().size(), 1U);
  EXPECT_TRUE(world.krbd.IsAttached(CsiWorld::ImageOf(volume)));
}

}  // namespace
}  // namespace rbdcrypt::csi
