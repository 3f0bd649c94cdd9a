// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/server.h"

#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/handle.h"
#include "base/strings.h"
#include "csi/identity.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;

using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using rbdcrypt::testing::TempDir;
using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
 protected:
  grpc::Status Probe(std::chrono::seconds time = std::chrono::seconds(20)) {
    const auto channel =
        grpc::CreateChannel(Cat("unix:", path_), grpc::InsecureChannelCredentials());
    const auto stub = pb::Identity::NewStub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + time);
    pb::ProbeResponse response;
    return stub->Probe(&context, pb::ProbeRequest(), &response);
  }

  TempDir dir_;
  const std::string path_ = dir_.File("csi.sock");
  Metrics metrics_;
  Door door_{metrics_, SystemClock(), {}};
  std::function<Status()> ready_ = [] { return OkStatus(); };
  IdentityService identity_{
      door_, {.name = "rbd.csi.ceph.com", .version = "0.1"}, [this] { return ready_(); }};
};

TEST(SocketPathTest, TakesWhatCsiWrites) {
  EXPECT_THAT(SocketPath("unix:///csi/csi.sock"), IsOkAndHolds(std::string("/csi/csi.sock")));
  EXPECT_THAT(SocketPath("unix:/csi/csi.sock"), IsOkAndHolds(std::string("/csi/csi.sock")));
  EXPECT_THAT(SocketPath("/csi/csi.sock"), IsOkAndHolds(std::string("/csi/csi.sock")));
  for (const std::string& endpoint :
       {std::string(), std::string("csi.sock"), std::string("unix://csi.sock"),
        std::string("tcp://127.0.0.1:1"), "/" + std::string(107, 'x')}) {
    EXPECT_THAT(SocketPath(endpoint), StatusIs(Code::kInvalidArgument)) << endpoint;
  }
}

TEST_F(ServerTest, ServesAndRemovesItsSocket) {
  ASSERT_OK_AND_ASSIGN(auto server, Server::Start(Cat("unix://", path_), {&identity_}));

  struct stat info {};

  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0660U);
  EXPECT_TRUE(Probe().ok());
  server->Stop(std::chrono::seconds(1));
  EXPECT_FALSE(std::filesystem::exists(path_));
  server->Stop(std::chrono::seconds(1));
}

TEST_F(ServerTest, ASecondServerLeavesTheFirstAlone) {
  ASSERT_OK_AND_ASSIGN(const auto first, Server::Start(path_, {&identity_}));
  EXPECT_THAT(Server::Start(path_, {&identity_}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("another process")));
  EXPECT_TRUE(Probe().ok());
}

TEST_F(ServerTest, AStaleSocketIsReplaced) {
  {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(path_, {&identity_}));
  EXPECT_TRUE(Probe().ok());
}

TEST_F(ServerTest, AFileThatIsNoSocketStays) {
  dir_.Write("csi.sock", "precious");
  EXPECT_THAT(Server::Start(path_, {&identity_}),
              StatusIs(Code::kFailedPrecondition, HasSubstr("no socket")));
  EXPECT_EQ(dir_.Read("csi.sock"), "precious");
}

TEST_F(ServerTest, StopLetsCallsInFlightEnd) {
  std::promise<void> begun;
  std::promise<void> go_on;
  ready_ = [&] {
    begun.set_value();
    go_on.get_future().wait();
    return OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(path_, {&identity_}));
  auto call = std::async(std::launch::async, [&] { return Probe(); });
  begun.get_future().wait();
  auto stop = std::async(std::launch::async, [&] { server->Stop(std::chrono::seconds(20)); });
  go_on.set_value();
  EXPECT_TRUE(call.get().ok());
  stop.get();
}

// The caller's deadline and its going away reach the work as a Context.
class WaitingService final : public pb::Node::Service {
 public:
  explicit WaitingService(Door& door) : door_(door) {}

  grpc::Status NodeGetInfo(grpc::ServerContext* server,
                           const pb::NodeGetInfoRequest* request,
                           pb::NodeGetInfoResponse* /*response*/) override {
    return door_.Pass(*server, {"NodeGetInfo"}, *request, [&](const Context& context) {
      has_deadline_.set_value(context.TimeLeft() < std::chrono::seconds(600));
      while (context.Check("wait").ok()) {
        std::this_thread::yield();
      }
      seen_.set_value(context.Check("wait").code());
      return context.Check("wait");
    });
  }

  std::promise<bool> has_deadline_;
  std::promise<Code> seen_;

 private:
  Door& door_;
};

TEST_F(ServerTest, StopCancelsWhatDoesNotEnd) {
  WaitingService waiting(door_);
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start(path_, {&waiting}));
  auto call = std::async(std::launch::async, [&] {
    const auto stub = pb::Node::NewStub(
        grpc::CreateChannel(Cat("unix:", path_), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(300));
    pb::NodeGetInfoResponse response;
    return stub->NodeGetInfo(&context, pb::NodeGetInfoRequest(), &response);
  });
  EXPECT_TRUE(waiting.has_deadline_.get_future().get());
  server->Stop(std::chrono::nanoseconds(1));
  EXPECT_EQ(waiting.seen_.get_future().get(), Code::kCancelled);
  EXPECT_FALSE(call.get().ok());
}

}  // namespace
}  // namespace rbdcrypt::csi
