// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qmp_client.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/attach/qmp_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
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
