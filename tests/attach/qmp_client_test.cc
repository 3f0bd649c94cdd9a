// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qmp_client.h"

#include <chrono>
#include <csignal>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/handle.h"
#include "tests/attach/full_socket.h"
#include "tests/attach/qmp_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::FullSocket;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::QmpServer;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOk[] = R"({"return": {}})";

TEST(QmpClientTest, ExecutesAndSkipsEvents) {
  QmpServer server([](const std::string&) {
    return R"({"event": "BLOCK_EXPORT_DELETED", "data": {}})"
           "\r\n"
           R"({"return": {"value": 7}})";
  });
  ASSERT_OK_AND_ASSIGN(QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  ASSERT_OK_AND_ASSIGN(const Json answer,
                       client.Execute(Context::Background(), "query", {{"flat", true}}));
  EXPECT_EQ(answer["value"], 7);
  EXPECT_THAT(server.Lines(), ElementsAre(R"({"arguments":{"flat":true},"execute":"query"})"));
}

TEST(QmpClientTest, PeerIsWhoListens) {
  QmpServer server([](const std::string&) { return kOk; });
  ASSERT_OK_AND_ASSIGN(const QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  EXPECT_THAT(client.PeerPid(), IsOkAndHolds(getpid()));
}

TEST(QmpClientTest, SecondGreetingIsSkipped) {
  const std::string twice = std::string(QmpServer::kGreeting) + "\r\n" + QmpServer::kGreeting;
  QmpServer server([](const std::string&) { return R"({"return": {"value": 7}})"; }, twice);
  ASSERT_OK_AND_ASSIGN(QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  ASSERT_OK_AND_ASSIGN(const Json answer,
                       client.Execute(Context::Background(), "query", Json::object()));
  EXPECT_EQ(answer["value"], 7);
}

TEST(QmpClientTest, ErrorHasQemusTextAndItsMeaning) {
  QmpServer server([](const std::string&) {
    return R"({"error": {"class": "GenericError", "desc": "encryption load fail: Operation not permitted"}})";
  });
  ASSERT_OK_AND_ASSIGN(QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  EXPECT_THAT(client.Execute(Context::Background(), "blockdev-add", Json::object()),
              StatusIs(Code::kUnauthenticated, HasSubstr("blockdev-add")));
}

TEST(QmpClientTest, SecretGoesInBase64AndIsNotRepeated) {
  QmpServer server([](const std::string& line) {
    return line.find("first") != std::string::npos
               ? std::string(kOk)
               : R"({"error": {"class": "GenericError", "desc": "bad data Zm9vYmFy"}})";
  });
  ASSERT_OK_AND_ASSIGN(QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  const Secret secret(std::string_view("foobar"));
  EXPECT_THAT(client.AddSecret(Context::Background(), "first", secret), IsOk());
  EXPECT_THAT(
      server.Lines(),
      ElementsAre(R"({"execute":"object-add","arguments":{"qom-type":"secret","id":"first",)"
                  R"("format":"base64","data":"Zm9vYmFy"}})"));
  EXPECT_THAT(client.AddSecret(Context::Background(), "second", secret),
              StatusIs(Code::kInternal, AllOf(HasSubstr("second"), Not(HasSubstr("Zm9v")))));
}

TEST(QmpClientTest, LostConnectionIsUnavailable) {
  QmpServer server([](const std::string&) { return ""; });
  ASSERT_OK_AND_ASSIGN(QmpClient client,
                       QmpClient::Connect(Context::Background(), server.SocketPath()));
  EXPECT_THAT(client.Execute(Context::Background(), "quit", Json::object()),
              StatusIs(Code::kUnavailable));
}

TEST(QmpClientTest, AnswerThatIsNoObjectIsInternal) {
  for (const char* answer : {"no json", "[]", "7"}) {
    QmpServer server([&](const std::string&) { return answer; });
    ASSERT_OK_AND_ASSIGN(QmpClient client,
                         QmpClient::Connect(Context::Background(), server.SocketPath()));
    EXPECT_THAT(client.Execute(Context::Background(), "query", Json::object()),
                StatusIs(Code::kInternal));
  }
}

TEST(QmpClientTest, WhoeverGreetsOtherwiseIsNoMonitor) {
  QmpServer server([](const std::string&) { return kOk; }, R"({"hello": 1})");
  EXPECT_THAT(QmpClient::Connect(Context::Background(), server.SocketPath()),
              StatusIs(Code::kUnavailable, HasSubstr("QMP")));
}

TEST(QmpClientTest, NobodyThereIsUnavailableAndALongPathIsRefused) {
  const TempDir folder;
  EXPECT_THAT(QmpClient::Connect(Context::Background(), folder.File("none")),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(QmpClient::Connect(Context::Background(), folder.File(std::string(108, 'x'))),
              StatusIs(Code::kInvalidArgument));
}

TEST(QmpClientTest, EndedContextEndsTheWaiting) {
  // Never answers: the connection stays open until the server is asked for the next one.
  QmpServer server([](const std::string&) { return R"({"event": "NOTHING"})"; });
  bool is_cancelled = false;
  const Context context({.clock = &SystemClock(), .is_cancelled = [&] { return is_cancelled; }});
  ASSERT_OK_AND_ASSIGN(QmpClient client, QmpClient::Connect(context, server.SocketPath()));
  int asked = 0;
  const Context impatient({.clock = &SystemClock(), .is_cancelled = [&] { return ++asked > 3; }});
  EXPECT_THAT(client.Execute(impatient, "query", Json::object()), StatusIs(Code::kCancelled));
}

TEST(QmpClientTest, FullQueueOfAHungMonitorIsNotWaitedForForEver) {
  const TempDir folder;
  const FullSocket socket(folder.File("qmp.sock"));
  FakeClock clock;
  const Context context({.clock = &clock});
  EXPECT_THAT(QmpClient::Connect(context, folder.File("qmp.sock")),
              StatusIs(Code::kUnavailable, HasSubstr("does not answer")));
  EXPECT_EQ(clock.slept(), std::chrono::seconds(30));
  EXPECT_THAT(
      QmpClient::Connect(context.WithTimeout(std::chrono::seconds(5)), folder.File("qmp.sock")),
      StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(clock.slept(), std::chrono::seconds(35));
}

// A listener whose queue has room, and nobody behind it.
UniqueFd ListenAt(const std::string& path) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  RBDCRYPT_CHECK(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  RBDCRYPT_CHECK(listen(listener.get(), 4) == 0);
  return listener;
}

// A signal that ends a wait early says nothing of the socket: reading it then would block.
TEST(QmpClientTest, SignalWhileWaitingDoesNotMakeItBlock) {
  const TempDir folder;
  const UniqueFd listener = ListenAt(folder.File("qmp.sock"));

  struct sigaction before {};

  struct sigaction ignoring {};

  ignoring.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGALRM, &ignoring, &before), 0);
  const itimerval once = {.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &once, nullptr), 0);
  const Context context = Context::Background().WithTimeout(std::chrono::milliseconds(200));
  EXPECT_THAT(QmpClient::Connect(context, folder.File("qmp.sock")),
              StatusIs(Code::kDeadlineExceeded));
  sigaction(SIGALRM, &before, nullptr);
}

TEST(QmpClientTest, MonitorThatDoesNotReadIsNotWaitedForForEver) {
  const TempDir folder;
  const UniqueFd listener = ListenAt(folder.File("qmp.sock"));
  std::promise<void> is_over;
  // Answers the negotiation before it is asked, and then stands still.
  std::thread monitor([&] {
    const UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const std::string words = std::string(QmpServer::kGreeting) + "\r\n" + kOk + "\r\n";
    EXPECT_GT(send(connection.get(), words.data(), words.size(), MSG_NOSIGNAL), 0);
    is_over.get_future().wait();
  });
  {
    ASSERT_OK_AND_ASSIGN(QmpClient client,
                         QmpClient::Connect(Context::Background(), folder.File("qmp.sock")));
    const Json arguments = {{"text", std::string(std::size_t{4} << 20, 'x')}};
    const Context context = Context::Background().WithTimeout(std::chrono::milliseconds(200));
    EXPECT_THAT(client.Execute(context, "query", arguments), StatusIs(Code::kDeadlineExceeded));
  }
  is_over.set_value();
  monitor.join();
}

TEST(QmpClientTest, TextsOfQemuHaveTheirCodes) {
  const std::pair<const char*, Code> meanings[] = {
      {"encryption load fail: Operation not permitted", Code::kUnauthenticated},
      {"encryption load fail: Invalid argument", Code::kDataLoss},
      {"error reading header from x: No such file or directory", Code::kNotFound},
      {"error opening pool p: No such file or directory", Code::kNotFound},
      {"namespace 'n' does not exist", Code::kNotFound},
      {"error connecting: Operation not permitted", Code::kPermissionDenied},
      {"error connecting: Connection timed out", Code::kUnavailable},
      {"Duplicate nodes with node-name='image'", Code::kInternal},
  };
  for (const auto& [text, code] : meanings) {
    EXPECT_THAT(ErrorFromQemu("blockdev-add", text), StatusIs(code, HasSubstr(text)));
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
