// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// vault/client over libcurl and a real connection, to a server that breaks off, trickles, or says
// what no Vault says. Whatever it does, a call ends with the answer of a try that was whole, or as
// unavailable; and what may have been acted upon is never called lost.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"
#include "vault/client.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::Answer;

constexpr const char* kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
constexpr const char* kTruth = R"({"data":{"version":7}})";

struct Lie {
  const char* name;
  HttpServer::Reply (*tell)();
};

std::string Whole(const std::string& body) {
  return std::string(kHead) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const Lie kLies[] = {
    {"Nothing", [] { return HttpServer::Reply(RawAnswer().Close()); }},
    {"Reset", [] { return HttpServer::Reply(RawAnswer().Reset()); }},
    // The connection stays half open: it takes what comes and says no more.
    {"HalfClosedBefore", [] { return HttpServer::Reply(RawAnswer().CloseHalf()); }},
    {"HalfClosedAmid",
     [] {
       return HttpServer::Reply(
           RawAnswer()
               .Send(std::string(kHead) + "Content-Length: 40\r\n\r\n{\"data\":")
               .CloseHalf());
     }},
    {"SilentBody",
     [] {
       return HttpServer::Reply(
           RawAnswer().Send(std::string(kHead) + "Content-Length: 40\r\n\r\n{").WaitForClient());
     }},
    {"SilentAtAll", [] { return HttpServer::Reply(RawAnswer().WaitForClient()); }},
    {"BodyCutOff",
     [] {
       return HttpServer::Reply(
           RawAnswer().Send(std::string(kHead) + "Content-Length: 22\r\n\r\n{\"data\"").Close());
     }},
    {"ChunkCutOff",
     [] {
       return HttpServer::Reply(
           RawAnswer()
               .Send(std::string(kHead) + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"da")
               .Close());
     }},
    {"JsonCutOff",
     [] { return HttpServer::Reply(RawAnswer().Send(Whole(R"({"data":{"ver)")).KeepOpen()); }},
    {"NoJson",
     [] { return HttpServer::Reply(RawAnswer().Send(Whole("<html>welcome</html>")).KeepOpen()); }},
    {"NoHttp", [] { return HttpServer::Reply(RawAnswer().Send("220 mail.example\r\n").Close()); }},
};

class LyingServerTest : public ::testing::TestWithParam<Lie> {
 protected:
  // Lies so often, then tells the truth.
  void Start(int lies) {
    server_ = std::make_unique<HttpServer>([this, lies](const ServedRequest&) {
      return requests_++ < lies ? GetParam().tell()
                                : HttpServer::Reply(ServedAnswer::Json(200, kTruth));
    });
    const auto connect = [](const net::Url& url, const net::TlsOptions&) {
      return net::CurlHttpClient::New(url, {});
    };
    auto server = vault::Server::New({server_->Address().Text()}, {}, connect,
                                     {.try_timeout = std::chrono::seconds(1)});
    ASSERT_THAT(server, IsOk());
    const auto soon = std::chrono::milliseconds(1);
    client_ = std::make_unique<vault::Client>(
        *std::move(server), vault::RetryLimits{.max_tries = 2, .base = soon, .long_base = soon});
  }

  Result<Answer> Get() {
    return client_->Send(Context::Background(), {.path = "secret/data/x"}, nullptr);
  }

  Result<Answer> Put() {
    return client_->Send(Context::Background(),
                         {.method = "PUT", .path = "secret/data/x", .body = Secret("{}")}, nullptr);
  }

 private:
  std::atomic<int> requests_ = 0;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<vault::Client> client_;
};

TEST_P(LyingServerTest, ReadIsAnsweredByTheTryThatWasWhole) {
  Start(1);
  ASSERT_OK_AND_ASSIGN(const Answer answer, Get());
  ASSERT_OK_AND_ASSIGN(const SecretJson json, answer.Json());
  EXPECT_EQ(json.Find({"data", "version"})->AsInt(), 7);
}

TEST_P(LyingServerTest, WriteIsRepeatedAndKnownAsThat) {
  Start(1);
  ASSERT_OK_AND_ASSIGN(const Answer answer, Put());
  EXPECT_TRUE(answer.was_repeated());
}

TEST_P(LyingServerTest, ServerThatNeverTellsTheTruthIsUnavailable) {
  // libcurl itself repeats a read over a connection that was closed while it was kept.
  Start(1000);
  EXPECT_THAT(Get(), StatusIs(Code::kUnavailable, HasSubstr("Vault at http://127.0.0.1")));
  const Result<Answer> put = Put();
  EXPECT_THAT(put, StatusIs(Code::kUnavailable, HasSubstr("Vault at http://127.0.0.1")));
  EXPECT_TRUE(net::MayHaveArrived(put.status()));
}

INSTANTIATE_TEST_SUITE_P(Lies, LyingServerTest, ::testing::ValuesIn(kLies), [](const auto& lie) {
  return std::string(lie.param.name);
});

}  // namespace
}  // namespace rbdcrypt::testing
