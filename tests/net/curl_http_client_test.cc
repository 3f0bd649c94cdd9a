// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Against a real server; what TLS adds is in curl_tls_test.cc.
#include "net/curl_http_client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/handle.h"
#include "base/strings.h"
#include "tests/fakes/http_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::RawAnswer;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kWholeAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole";

std::unique_ptr<CurlHttpClient> NewClient(const HttpServer& server,
                                          CurlHttpClient::Options options = {}) {
  auto client = CurlHttpClient::New(server.Address(), std::move(options));
  EXPECT_THAT(client, IsOk());
  return *std::move(client);
}

HttpServer::Handler Always(HttpServer::Reply reply) {
  return [reply = std::move(reply)](const ServedRequest&) { return reply; };
}

std::string BodyOf(const Result<HttpAnswer>& answer) {
  return answer.ok() ? std::string(answer->body.RevealText()) : answer.status().ToString();
}

TEST(CurlHttpClientTest, SendsWhatItIsGiven) {
  std::vector<ServedRequest> seen;
  const HttpServer server([&seen](const ServedRequest& request) {
    seen.push_back(request);
    return ServedAnswer{};
  });
  HttpRequest request = {
      .method = "PUT",
      .target = "v1/a%2Fb?x=1",
      .headers = {{.name = "X-Plain", .value = "p"}, {.name = "X-Empty", .value = ""}},
      .content_type = "application/json",
      .body = Secret("{\"key\":1}")};
  request.secret_headers.push_back({.name = "X-Vault-Token", .value = Secret("hvs.secret")});
  EXPECT_THAT(NewClient(server)->Send(Context::Background(), request), IsOk());
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].method, "PUT");
  EXPECT_EQ(seen[0].target, "/v1/a%2Fb?x=1");
  EXPECT_EQ(seen[0].body, "{\"key\":1}");
  EXPECT_EQ(seen[0].Find("X-Plain"), "p");
  EXPECT_EQ(seen[0].Find("X-Vault-Token"), "hvs.secret");
  EXPECT_EQ(seen[0].Find("Content-Type"), "application/json");
  EXPECT_EQ(seen[0].Find("Content-Length"), "9");
  EXPECT_EQ(seen[0].Find("Host"), Cat("127.0.0.1:", server.Address().port));
  EXPECT_TRUE(std::any_of(seen[0].headers.begin(), seen[0].headers.end(), [](const Header& header) {
    return header.name == "X-Empty" && header.value.empty();
  }));
}

TEST(CurlHttpClientTest, AddsNoHeadersThatChangeTheMeaning) {
  ServedRequest seen;
  const HttpServer server([&seen](const ServedRequest& request) {
    seen = request;
    return ServedAnswer{};
  });
  const auto client = NewClient(server);
  // libcurl would wait for "100 Continue" before a body of this size.
  EXPECT_THAT(client->Send(Context::Background(),
                           {.method = "POST", .body = Secret(std::string(3 << 20, 'x'))}),
              IsOk());
  EXPECT_EQ(seen.body.size(), std::size_t{3} << 20);
  EXPECT_EQ(seen.Find("Expect"), "");
  EXPECT_EQ(seen.Find("Content-Type"), "");
  EXPECT_EQ(seen.Find("Accept-Encoding"), "");
}

TEST(CurlHttpClientTest, EveryMethodIsSentAsItIs) {
  const HttpServer server([](const ServedRequest& request) {
    return ServedAnswer{.headers = {{.name = "X-Seen", .value = request.method},
                                    {.name = "X-Length", .value = request.Find("Content-Length")}},
                        .body = "body"};
  });
  const auto client = NewClient(server);
  for (const char* method : {"GET", "DELETE", "LIST", "POST", "PUT", "PATCH", "GET"}) {
    ASSERT_OK_AND_ASSIGN(const HttpAnswer answer,
                         client->Send(Context::Background(), {.method = method}));
    EXPECT_THAT(answer.Find("X-Seen"), Optional(std::string(method)));
    EXPECT_EQ(answer.body.RevealText(), "body") << method;
    // A body of no bytes is said to have none: some servers insist.
    const bool has_body = std::string(method).starts_with('P');
    EXPECT_THAT(answer.Find("X-Length"), Optional(std::string(has_body ? "0" : ""))) << method;
  }
  ASSERT_OK_AND_ASSIGN(const HttpAnswer head,
                       client->Send(Context::Background(), {.method = "HEAD"}));
  EXPECT_THAT(head.Find("X-Seen"), Optional(std::string("HEAD")));
  EXPECT_TRUE(head.body.empty());
  EXPECT_EQ(server.connections(), 1);
}

TEST(CurlHttpClientTest, TheTargetStandsBehindTheAddressesPath) {
  const HttpServer server(
      [](const ServedRequest& request) { return ServedAnswer{.body = request.target}; });
  Url address = server.Address();
  address.path = "/base";
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(address, {}));
  EXPECT_EQ(BodyOf(client->Send(Context::Background(), {.target = "v1/../%2E%2E/x"})),
            "/base/v1/../%2E%2E/x");
}

TEST(CurlHttpClientTest, ARequestThatIsRefusedGoesNowhere) {
  const HttpServer server(Always(ServedAnswer{}));
  const auto answer = NewClient(server)->Send(
      Context::Background(), {.headers = {{.name = "X-Plain", .value = "1\r\nX-Other: 2"}}});
  EXPECT_THAT(answer, StatusIs(Code::kInvalidArgument, HasSubstr("X-Plain")));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
  EXPECT_EQ(server.connections(), 0);
}

TEST(CurlHttpClientTest, KeepsItsConnections) {
  const HttpServer server(Always(ServedAnswer{.body = "x"}));
  const auto client = NewClient(server);
  for (int i = 0; i < 10; ++i) {
    ASSERT_THAT(client->Send(Context::Background(), {.method = i % 2 == 0 ? "GET" : "POST"}),
                IsOk());
  }
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(server.requests(), 10);
}

TEST(CurlHttpClientTest, KeepsNoConnectionWhereNoneIsAllowed) {
  const HttpServer server(Always(ServedAnswer{}));
  const auto client = NewClient(server, {.max_kept_connections = 0});
  ASSERT_THAT(client->Send(Context::Background(), {}), IsOk());
  ASSERT_THAT(client->Send(Context::Background(), {}), IsOk());
  EXPECT_EQ(server.connections(), 2);
}

TEST(CurlHttpClientTest, AFailedRequestLeavesTheClientUsable) {
  std::atomic<int> calls{0};
  const HttpServer server([&calls](const ServedRequest&) -> HttpServer::Reply {
    if (++calls % 2 == 1) {
      return RawAnswer().Reset();
    }
    return ServedAnswer{.body = "well"};
  });
  const auto client = NewClient(server);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client->Send(Context::Background(), {.method = "POST"}),
                StatusIs(Code::kUnavailable));
    EXPECT_EQ(BodyOf(client->Send(Context::Background(), {.method = "POST"})), "well");
  }
}

// Answers the first request of each connection and closes at the second, without a word: what a
// server does that shuts an idle connection just when it is used again.
HttpServer::Reply AnswerOnce(const ServedRequest& request) {
  if (request.number > 1) {
    return RawAnswer().Close();
  }
  return ServedAnswer{.body = Cat(request.connection)};
}

TEST(CurlHttpClientTest, ARequestWithEffectsIsNotRepeatedOverANewConnection) {
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const HttpServer server(AnswerOnce);
    const auto client = NewClient(server);
    ASSERT_THAT(client->Send(Context::Background(), {.method = method}), IsOk());
    const auto answer = client->Send(Context::Background(), {.method = method});
    EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("whether it acted"))) << method;
    EXPECT_TRUE(MayHaveArrived(answer.status()));
    EXPECT_EQ(server.requests(), 2) << method;
  }
}

TEST(CurlHttpClientTest, AReadIsRepeatedOverANewConnection) {
  for (const char* method : {"GET", "HEAD"}) {
    const HttpServer server(AnswerOnce);
    const auto client = NewClient(server);
    ASSERT_THAT(client->Send(Context::Background(), {.method = method}), IsOk());
    EXPECT_THAT(client->Send(Context::Background(), {.method = method}), IsOk()) << method;
    EXPECT_EQ(server.connections(), 2);
    EXPECT_EQ(server.requests(), 3);
  }
}

TEST(CurlHttpClientTest, AConnectionClosedWhileIdleIsReplacedUnnoticed) {
  HttpServer server(Always(ServedAnswer{.body = "whole"}));
  const auto client = NewClient(server);
  EXPECT_EQ(BodyOf(client->Send(Context::Background(), {.method = "POST"})), "whole");
  server.CloseConnections();
  EXPECT_EQ(BodyOf(client->Send(Context::Background(), {.method = "POST"})), "whole");
  EXPECT_EQ(server.connections(), 2);
}

TEST(CurlHttpClientTest, NobodyListens) {
  Url address;
  {
    const HttpServer server(Always(ServedAnswer{}));
    address = server.Address();
  }
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(address, {}));
  const auto answer = client->Send(Context::Background(), {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr(address.Text())));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
}

TEST(CurlHttpClientTest, ANameWithoutAddress) {
  // "invalid" has none, by RFC 2606.
  ASSERT_OK_AND_ASSIGN(
      auto client,
      CurlHttpClient::New({.scheme = "http", .host = "vault.invalid", .port = 8200}, {}));
  const auto answer = client->Send(Context::Background(), {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("vault.invalid")));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
}

// Where a client waits for a TLS handshake for ever: somebody listens, and accepts nobody.
class SilentListener {
 public:
  SilentListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    EXPECT_EQ(::listen(fd_.get(), 1), 0);
  }

  Url Address() const {
    sockaddr_in address = {};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return {.scheme = "https", .host = "127.0.0.1", .port = ntohs(address.sin_port)};
  }

 private:
  UniqueFd fd_;
};

TEST(CurlHttpClientTest, AConnectionThatIsNeverMadeTimesOut) {
  const SilentListener silent;
  ASSERT_OK_AND_ASSIGN(
      auto client,
      CurlHttpClient::New(silent.Address(), {.connect_timeout = std::chrono::milliseconds(50)}));
  const auto answer = client->Send(Context::Background(), {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kUnavailable, HasSubstr("timeout")));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
}

TEST(CurlHttpClientTest, TheDeadlineEndsAWaitForAConnection) {
  const SilentListener silent;
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(silent.Address(), {}));
  const auto answer =
      client->Send(Context::Background().WithTimeout(std::chrono::milliseconds(50)), {});
  EXPECT_THAT(answer, StatusIs(Code::kDeadlineExceeded));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
}

TEST(CurlHttpClientTest, TheDeadlineEndsAWaitForTheAnswer) {
  const HttpServer server(Always(RawAnswer().WaitForClient()));
  const auto client = NewClient(server);
  const auto context = Context::Background().WithTimeout(std::chrono::milliseconds(50));
  const auto answer = client->Send(context, {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kDeadlineExceeded, HasSubstr(client->address())));
  EXPECT_TRUE(MayHaveArrived(answer.status()));
}

TEST(CurlHttpClientTest, TheDeadlineEndsAnAnswerThatTrickles) {
  const HttpServer server(
      Always(RawAnswer().Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").WaitForClient()));
  const auto context = Context::Background().WithTimeout(std::chrono::milliseconds(50));
  EXPECT_THAT(NewClient(server)->Send(context, {}), StatusIs(Code::kDeadlineExceeded));
}

TEST(CurlHttpClientTest, APassedDeadlineSendsNothing) {
  const HttpServer server(Always(ServedAnswer{}));
  FakeClock clock;
  const Context context({.clock = &clock, .deadline = clock.Now() - std::chrono::seconds(1)});
  const auto answer = NewClient(server)->Send(context, {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kDeadlineExceeded));
  EXPECT_FALSE(MayHaveArrived(answer.status()));
  EXPECT_EQ(server.connections(), 0);
}

TEST(CurlHttpClientTest, CancellingEndsAWaitForTheAnswer) {
  std::atomic<bool> cancelled{false};
  const HttpServer server([&cancelled](const ServedRequest&) {
    cancelled = true;
    return RawAnswer().WaitForClient();
  });
  const auto client = NewClient(server);
  const Context context({.is_cancelled = [&cancelled] { return cancelled.load(); }});
  const auto answer = client->Send(context, {.method = "POST"});
  EXPECT_THAT(answer, StatusIs(Code::kCancelled, HasSubstr(client->address())));
  EXPECT_TRUE(MayHaveArrived(answer.status()));
}

TEST(CurlHttpClientTest, TheEnvironmentsProxyIsNotAsked) {
  const HttpServer server(Always(ServedAnswer{.body = "direct"}));
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("all_proxy", "http://127.0.0.1:1", 1);
  EXPECT_EQ(BodyOf(NewClient(server)->Send(Context::Background(), {})), "direct");
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
}

TEST(CurlHttpClientTest, AConfiguredProxyIsAskedWhateverTheEnvironmentSays) {
  const HttpServer proxy([](const ServedRequest& request) {
    return ServedAnswer{.body = "proxied " + request.target};
  });
  ::setenv("no_proxy", "*", 1);
  ASSERT_OK_AND_ASSIGN(
      auto client, CurlHttpClient::New({.scheme = "http", .host = "vault.invalid", .port = 8200},
                                       {.proxy = proxy.Address().Text()}));
  EXPECT_EQ(BodyOf(client->Send(Context::Background(), {.target = "v1"})),
            "proxied http://vault.invalid:8200/v1");
  ::unsetenv("no_proxy");
  EXPECT_THAT(CurlHttpClient::New({.scheme = "http", .host = "v", .port = 80}, {.proxy = "x y"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("proxy")));
}

}  // namespace
}  // namespace rbdcrypt::net
