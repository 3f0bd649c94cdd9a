// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/rpc.h"

#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csi.pb.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::FakeClock;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class DoorTest : public ::testing::Test {
 protected:
  grpc::Status Pass(
      const Call& call, const std::function<Status(const Context&)>& body = [](const Context&) {
        return OkStatus();
      }) {
    const grpc::ServerContext server;
    return door_.Pass(server, call, request_, body);
  }

  Metrics metrics_;
  FakeClock clock_;
  Door door_{metrics_, clock_, {.max_calls = 2, .reserve = 1}};
  ::csi::v1::DeleteVolumeRequest request_;
};

TEST_F(DoorTest, CodesAndTextsReachTheCaller) {
  const grpc::Status status =
      Pass({"DeleteVolume"}, [](const Context&) { return DataLoss("header is damaged"); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(status.error_message(), "header is damaged");
  EXPECT_EQ(status.error_details(), "");
}

TEST_F(DoorTest, EveryCodeIsGrpcsOwn) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpc(MakeStatus(static_cast<Code>(code), "x"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
  }
  EXPECT_TRUE(ToGrpc(OkStatus()).ok());
}

TEST_F(DoorTest, LongTextsAreCut) {
  EXPECT_LT(ToGrpc(Internal(std::string(100000, 'x'))).error_message().size(), 3000U);
}

TEST_F(DoorTest, SecondCallForAVolumeIsAborted) {
  const std::string key = VolumeKey("v");
  grpc::Status inner;
  grpc::Status other;
  Pass({"A", Admission::kWork, key}, [&](const Context&) {
    inner = Pass({"B", Admission::kQuick, key});
    other = Pass({"B", Admission::kWork, VolumeKey("w")});
    return OkStatus();
  });
  EXPECT_EQ(inner.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(inner.error_message(), HasSubstr("volume v"));
  EXPECT_TRUE(other.ok());
  EXPECT_TRUE(Pass({"A", Admission::kWork, key}).ok());
}

TEST_F(DoorTest, NamesAndVolumeIdsAreDifferentKeys) {
  EXPECT_NE(VolumeKey("x"), NameKey("x"));
}

TEST_F(DoorTest, TooManyCallsAreAbortedAndTheReserveIsForQuickOnes) {
  grpc::Status third_work;
  grpc::Status third_quick;
  grpc::Status always;
  Pass({"A"}, [&](const Context&) {
    Pass({"B"}, [&](const Context&) {
      third_work = Pass({"C"});
      third_quick = Pass({"D", Admission::kQuick});
      always = Pass({"Probe", Admission::kAlways});
      return OkStatus();
    });
    return OkStatus();
  });
  EXPECT_EQ(third_work.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(third_quick.ok());
  EXPECT_TRUE(always.ok());
  EXPECT_TRUE(Pass({"C"}).ok());
}

TEST_F(DoorTest, CallsAreCountedWithTheirCode) {
  Pass({"DeleteVolume"}, [](const Context&) { return NotFound("gone"); });
  EXPECT_THAT(metrics_.TextForTest(), HasSubstr("NOT_FOUND"));
  EXPECT_THAT(metrics_.TextForTest(), HasSubstr("DeleteVolume"));
}

TEST_F(DoorTest, EachCallHasAnIdOfItsOwn) {
  std::string first;
  std::string second;
  Pass({"A"}, [&](const Context& context) {
    first = context.request_id();
    return OkStatus();
  });
  Pass({"A"}, [&](const Context& context) {
    second = context.request_id();
    EXPECT_TRUE(context.Check("go on").ok());
    EXPECT_EQ(context.TimeLeft(), std::chrono::nanoseconds::max());
    return OkStatus();
  });
  EXPECT_THAT(first, MatchesRegex("[0-9a-f]+-1"));
  EXPECT_NE(first, second);
}

TEST_F(DoorTest, TheLogLineHasTheErrorAndNoSecret) {
  ::csi::v1::NodeStageVolumeRequest request;
  request.set_volume_id("v-1");
  (*request.mutable_secrets())["userKey"] = "hunter2";
  const grpc::ServerContext server;
  ::testing::internal::CaptureStderr();
  door_.Pass(server, {"NodeStageVolume"}, request,
             [](const Context&) { return Unavailable("KMS is down"); });
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, HasSubstr("NodeStageVolume"));
  EXPECT_THAT(line, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(line, HasSubstr("KMS is down"));
  EXPECT_THAT(line, HasSubstr("rpc_test.cc:"));
  EXPECT_THAT(line, HasSubstr("v-1"));
  EXPECT_THAT(line, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace rbdcrypt::csi
