// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/metrics.h"

#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The whole answer to GET `path`, or "" if nobody listens.
std::string Get(std::uint16_t port, std::string_view path) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return "";
  }
  const std::string request =
      Cat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(socket.get(), buffer, sizeof buffer)) > 0;) {
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  return answer;
}

TEST(MetricsTest, CallsAreCountedByMethodAndCode) {
  Metrics metrics;
  metrics.CountRpc("NodeStageVolume", "OK", 0.3);
  metrics.CountRpc("NodeStageVolume", "OK", 3);
  metrics.CountRpc("NodeStageVolume", "ABORTED", 0.001);
  const std::string text = metrics.TextForTest();
  EXPECT_THAT(text, HasSubstr(R"(rbdcrypt_rpc_total{code="OK",method="NodeStageVolume"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(rbdcrypt_rpc_total{code="ABORTED",method="NodeStageVolume"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(rbdcrypt_rpc_seconds_count{method="NodeStageVolume"} 3)"));
  EXPECT_THAT(text,
              HasSubstr(R"(rbdcrypt_rpc_seconds_bucket{method="NodeStageVolume",le="0.5"} 2)"));
}

TEST(MetricsTest, CallsInFlightRiseAndFall) {
  Metrics metrics;
  EXPECT_THAT(metrics.TextForTest(), HasSubstr("rbdcrypt_rpc_in_flight 0"));
  metrics.AddRpcInFlight(1);
  metrics.AddRpcInFlight(1);
  EXPECT_THAT(metrics.TextForTest(), HasSubstr("rbdcrypt_rpc_in_flight 2"));
  metrics.AddRpcInFlight(-1);
  EXPECT_THAT(metrics.TextForTest(), HasSubstr("rbdcrypt_rpc_in_flight 1"));
}

TEST(MetricsTest, KmsRequestsAndEventsAreCounted) {
  Metrics metrics;
  metrics.CountKms("vault", "fetch", "UNAVAILABLE");
  metrics.CountEvent("fenced_holder");
  metrics.CountEvent("fenced_holder");
  const std::string text = metrics.TextForTest();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(rbdcrypt_kms_requests_total{code="UNAVAILABLE",operation="fetch",provider="vault"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(rbdcrypt_events_total{event="fenced_holder"} 2)"));
}

TEST(MetricsTest, TheLastCheckOfAKmsEntryCountsUntilItIsForgotten) {
  Metrics metrics;
  metrics.SetKmsCheck("vault", false);
  metrics.SetKmsCheck("vault", true);
  metrics.SetKmsCheck("kmip", false);
  EXPECT_THAT(metrics.TextForTest(), AllOf(HasSubstr("rbdcrypt_kms_check_ok{kms_id=\"vault\"} 1"),
                                           HasSubstr("rbdcrypt_kms_check_ok{kms_id=\"kmip\"} 0")));
  metrics.RemoveKmsCheck("kmip");
  metrics.RemoveKmsCheck("never there");
  EXPECT_THAT(metrics.TextForTest(), Not(HasSubstr("kmip")));
}

TEST(MetricsTest, LabelsCannotBreakTheExposition) {
  Metrics metrics;
  metrics.CountEvent("a\"} 1\nforged 2");
  EXPECT_THAT(metrics.TextForTest(), Not(HasSubstr("\nforged")));
}

TEST(MetricsTest, ServesMetricsAndHealthOnOnePort) {
  Metrics metrics;
  ASSERT_OK_AND_ASSIGN(const std::uint16_t port, metrics.Serve("127.0.0.1:0"));
  ASSERT_NE(port, 0);
  metrics.CountEvent("seen");
  EXPECT_THAT(Get(port, "/metrics"), AllOf(StartsWith("HTTP/1.1 200"),
                                           HasSubstr(R"(rbdcrypt_events_total{event="seen"} 1)")));
  EXPECT_THAT(Get(port, "/healthz"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(Get(port, "/healthz?verbose"), StartsWith("HTTP/1.1 200"));
}

TEST(MetricsTest, ServesNothingElse) {
  Metrics metrics;
  ASSERT_OK_AND_ASSIGN(const std::uint16_t port, metrics.Serve("127.0.0.1:0"));
  for (const char* path : {"/", "/etc/passwd", "/../etc/passwd", "/healthz2", "/CMakeCache.txt"}) {
    EXPECT_THAT(Get(port, path), AllOf(StartsWith("HTTP/1.1 4"), Not(HasSubstr("root:")))) << path;
  }
}

TEST(MetricsTest, StopsServingWithItsEnd) {
  std::uint16_t port = 0;
  {
    Metrics metrics;
    ASSERT_OK_AND_ASSIGN(port, metrics.Serve("127.0.0.1:0"));
    ASSERT_NE(Get(port, "/healthz"), "");
  }
  EXPECT_EQ(Get(port, "/healthz"), "");
}

TEST(MetricsTest, TakenOrWrongAddressIsUnavailable) {
  Metrics first;
  Metrics second;
  ASSERT_OK_AND_ASSIGN(const std::uint16_t port, first.Serve("127.0.0.1:0"));
  const std::string taken = Cat("127.0.0.1:", port);
  EXPECT_THAT(second.Serve(taken), StatusIs(Code::kUnavailable, HasSubstr(taken)));
  EXPECT_THAT(second.Serve("no address"), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt
