// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// One client, many callers, for ThreadSanitizer as much as for the assertions.
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::TestCa;

constexpr int kCallers = 16;
constexpr int kRounds = 5;

void InThreads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&body, i] { body(i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

HttpServer::Reply Echo(const ServedRequest& request) {
  return ServedAnswer{.body = request.Find("X-Token") + request.body};
}

TEST(CurlHttpClientConcurrentTest, EachCallerGetsItsOwnAnswer) {
  const TestCa ca;
  const HttpServer server(Echo,
                          HttpServer::Tls{.certificate = ca.Issue({.names = {"IP:127.0.0.1"}})});
  ASSERT_OK_AND_ASSIGN(
      auto client, CurlHttpClient::New(server.Address(), {.tls = {.ca_pem = ca.certificate_pem()},
                                                          .max_kept_connections = kCallers}));
  InThreads([&client](int caller) {
    for (int i = 0; i < kRounds; ++i) {
      HttpRequest request = {.method = "POST", .body = Secret(Cat("/", i))};
      request.secret_headers.push_back({.name = "X-Token", .value = Secret(Cat(caller))});
      const auto answer = client->Send(Context::Background(), request);
      ASSERT_THAT(answer, IsOk());
      EXPECT_EQ(answer->body.RevealText(), Cat(caller, "/", i));
    }
  });
  EXPECT_EQ(server.requests(), kCallers * kRounds);
  EXPECT_LE(server.connections(), kCallers);
}

// Nobody is answered before all have asked, so each needs a connection of its own.
TEST(CurlHttpClientConcurrentTest, NoCallerWaitsForAnother) {
  std::function<void()> await_all;
  const HttpServer server([&await_all](const ServedRequest& request) {
    await_all();
    return Echo(request);
  });
  await_all = [&server] { server.AwaitRequests(kCallers); };
  ASSERT_OK_AND_ASSIGN(auto client,
                       CurlHttpClient::New(server.Address(), {.max_kept_connections = 2}));
  InThreads([&client](int) { EXPECT_THAT(client->Send(Context::Background(), {}), IsOk()); });
  EXPECT_EQ(server.connections(), kCallers);
}

// A connection that is not needed again would else stay open for as long as the server lets it.
TEST(CurlHttpClientConcurrentTest, AConnectionThatGrewOldIsClosedByTheNextRequest) {
  std::atomic<int> awaited{kCallers};
  std::function<void()> await_all;
  const HttpServer server([&](const ServedRequest& request) {
    await_all();
    return Echo(request);
  });
  await_all = [&] { server.AwaitRequests(awaited); };
  testing::FakeClock clock;
  ASSERT_OK_AND_ASSIGN(
      auto client,
      CurlHttpClient::New(server.Address(), {.max_kept_connections = kCallers, .clock = &clock}));
  const auto ask = [&client](int) { EXPECT_THAT(client->Send(Context::Background(), {}), IsOk()); };
  InThreads(ask);
  clock.Advance(std::chrono::seconds(30));
  awaited += 1;
  ask(0);
  awaited += kCallers;
  InThreads(ask);
  EXPECT_EQ(server.connections(), kCallers);
  clock.Advance(std::chrono::seconds(31));
  awaited += 1;
  ask(0);
  awaited += kCallers;
  InThreads(ask);
  EXPECT_EQ(server.connections(), kCallers + kCallers - 1);
}

TEST(CurlHttpClientConcurrentTest, CancellingOneDisturbsNoOther) {
  const HttpServer server([](const ServedRequest& request) -> HttpServer::Reply {
    if (request.target == "/silent") {
      return testing::RawAnswer().WaitForClient();
    }
    return Echo(request);
  });
  ASSERT_OK_AND_ASSIGN(auto client, CurlHttpClient::New(server.Address(), {}));
  std::atomic<bool> cancelled{false};
  InThreads([&](int caller) {
    if (caller == 0) {
      const Context context({.is_cancelled = [&cancelled] { return cancelled.load(); }});
      EXPECT_THAT(client->Send(context, {.target = "silent"}), testing::StatusIs(Code::kCancelled));
      return;
    }
    EXPECT_THAT(client->Send(Context::Background(), {}), IsOk());
    cancelled = true;
  });
}

}  // namespace
}  // namespace rbdcrypt::net
