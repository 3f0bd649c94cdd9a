// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What may come back for a request, and what becomes of it.
#include "net/curl_transfer.h"

#include <atomic>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

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

// What comes of one request to a server that answers so.
Result<HttpAnswer> AnswerTo(HttpServer::Reply reply, HttpRequest request = {}) {
  const HttpServer server(Always(std::move(reply)));
  return NewClient(server)->Send(Context::Background(), request);
}

std::string BodyOf(const Result<HttpAnswer>& answer) {
  return answer.ok() ? std::string(answer->body.RevealText()) : answer.status().ToString();
}

TEST(CurlTransferTest, GivesTheAnswerAsItCame) {
  ASSERT_OK_AND_ASSIGN(const HttpAnswer answer,
                       AnswerTo(ServedAnswer{.status = 429,
                                             .headers = {{.name = "Retry-After", .value = "7"},
                                                         {.name = "X-Empty", .value = ""}},
                                             .body = "slow down"}));
  EXPECT_EQ(answer.status, 429);
  EXPECT_THAT(answer.Find("retry-after"), Optional(std::string("7")));
  EXPECT_THAT(answer.Find("x-empty"), Optional(std::string()));
  EXPECT_EQ(answer.body.RevealText(), "slow down");
}

TEST(CurlTransferTest, APublicAnswerIsNoSecret) {
  HttpRequest request;
  request.has_public_answer = true;
  ASSERT_OK_AND_ASSIGN(const HttpAnswer answer,
                       AnswerTo(ServedAnswer{.body = "objects"}, std::move(request)));
  EXPECT_EQ(answer.text, "objects");
  EXPECT_TRUE(answer.body.empty());
}

TEST(CurlTransferTest, AnyStatusIsAnAnswer) {
  for (const int status : {200, 204, 307, 400, 403, 404, 412, 473, 500, 503, 599}) {
    const auto answer = AnswerTo(ServedAnswer{.status = status, .body = "x"});
    ASSERT_THAT(answer, IsOk()) << status;
    EXPECT_EQ(answer->status, status);
  }
}

TEST(CurlTransferTest, FollowsNoRedirect) {
  const HttpServer server([](const ServedRequest&) {
    return ServedAnswer{.status = 307, .headers = {{.name = "Location", .value = "/elsewhere"}}};
  });
  const auto answer = NewClient(server)->Send(Context::Background(), {});
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT(answer->Find("Location"), Optional(std::string("/elsewhere")));
  EXPECT_EQ(server.requests(), 1);
}

TEST(CurlTransferTest, ReadsBodiesHoweverTheyCome) {
  EXPECT_EQ(BodyOf(AnswerTo(ServedAnswer{.body = std::string(300'000, 'x')})),
            std::string(300'000, 'x'));
  EXPECT_EQ(BodyOf(AnswerTo(ServedAnswer{.body = "in chunks, as they say", .is_chunked = true})),
            "in chunks, as they say");
  EXPECT_EQ(BodyOf(AnswerTo(RawAnswer().SendBytewise(kWholeAnswer))), "whole");
  EXPECT_EQ(BodyOf(AnswerTo(RawAnswer().Send("HTTP/1.0 200 OK\r\n\r\nuntil the end").Close())),
            "until the end");
  EXPECT_EQ(BodyOf(AnswerTo(RawAnswer().Send(kWholeAnswer).CloseHalf())), "whole");
}

TEST(CurlTransferTest, InterimAnswersSayNothing) {
  const auto answer = AnswerTo(RawAnswer().Send(Cat(
      "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: 2\r\n\r\n",
      kWholeAnswer)));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->Find("X-Early"), std::nullopt);
  EXPECT_EQ(BodyOf(answer), "whole");
}

TEST(CurlTransferTest, FoldedHeadersAreNoHeaders) {
  const auto answer = AnswerTo(RawAnswer().Send(
      "HTTP/1.1 200 OK\r\nX-Long: one\r\n X-Fake: two\r\nContent-Length: 0\r\n\r\n"));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->Find("X-Fake"), std::nullopt);
  EXPECT_EQ(answer->Find(" X-Fake"), std::nullopt);
}

TEST(CurlTransferTest, HalfAnAnswerIsNone) {
  const std::string whole = kWholeAnswer;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto answer = AnswerTo(RawAnswer().Send(whole.substr(0, size)).Close(),
                                 {.method = "POST", .body = Secret("x")});
    EXPECT_FALSE(answer.ok()) << size;
    EXPECT_TRUE(MayHaveArrived(answer.status())) << size;
    // Where the head is not whole, it could be anything.
    EXPECT_TRUE(answer.status().code() == Code::kUnavailable ||
                (size < whole.find("\r\n\r\n") && answer.status().code() == Code::kDataLoss))
        << size << answer.status().ToString();
  }
}

TEST(CurlTransferTest, HalfAChunkedBodyIsNoAnswer) {
  for (const char* body : {"5\r\nwhole\r\n", "5\r\nwho", "5", ""}) {
    EXPECT_THAT(
        AnswerTo(RawAnswer()
                     .Send(Cat("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body))
                     .Close()),
        StatusIs(Code::kUnavailable))
        << body;
  }
}

TEST(CurlTransferTest, GarbageIsDataLoss) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "garbage", "\x15\x03\x01", "HTTP/9.9 what\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const auto answer = AnswerTo(RawAnswer().Send(bytes).Close());
    EXPECT_THAT(answer, StatusIs(Code::kDataLoss, HasSubstr("http://127.0.0.1:"))) << bytes;
    EXPECT_TRUE(MayHaveArrived(answer.status()));
  }
}

TEST(CurlTransferTest, AnAnswerLongerThanAllowedIsDataLoss) {
  for (const bool is_chunked : {false, true}) {
    HttpRequest request;
    request.max_answer_bytes = 100;
    EXPECT_EQ(BodyOf(AnswerTo(ServedAnswer{.body = std::string(100, 'x'), .is_chunked = is_chunked},
                              std::move(request))),
              std::string(100, 'x'));
    request = {};
    request.max_answer_bytes = 100;
    EXPECT_THAT(AnswerTo(ServedAnswer{.body = std::string(101, 'x'), .is_chunked = is_chunked},
                         std::move(request)),
                StatusIs(Code::kDataLoss, HasSubstr("longer than the 100 bytes")));
  }
}

TEST(CurlTransferTest, AnEndlessAnswerEndsAtTheLimit) {
  RawAnswer endless = RawAnswer().Send("HTTP/1.1 200 OK\r\n\r\n");
  for (int i = 0; i < 64; ++i) {
    endless.Send(std::string(64 << 10, 'x'));
  }
  EXPECT_THAT(AnswerTo(endless.WaitForClient()), StatusIs(Code::kDataLoss));
}

TEST(CurlTransferTest, HeadersLongerThanAllowedAreDataLoss) {
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 3000; ++i) {
    many += Cat("X-Header-", i, ": ", std::string(50, 'x'), "\r\n");
  }
  EXPECT_THAT(AnswerTo(RawAnswer().Send(many).WaitForClient()), StatusIs(Code::kDataLoss));
  EXPECT_THAT(AnswerTo(RawAnswer()
                           .Send(Cat("HTTP/1.1 200 OK\r\nX-Long: ", std::string(200'000, 'x')))
                           .WaitForClient()),
              StatusIs(Code::kDataLoss));
}

TEST(CurlTransferStreamTest, GivesPiecesAsTheyCome) {
  const HttpServer server(
      Always(RawAnswer().Send("HTTP/1.1 200 OK\r\nX-Kind: watch\r\n\r\n").SendBytewise("events")));
  std::string seen;
  const auto answer = NewClient(server)->Stream(
      Context::Background(), {.max_answer_bytes = 1}, [&seen](std::span<const std::byte> piece) {
        seen.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        return OkStatus();
      });
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(seen, "events");
  EXPECT_TRUE(answer->body.empty());
  EXPECT_THAT(answer->Find("X-Kind"), Optional(std::string("watch")));
}

TEST(CurlTransferStreamTest, APieceOfNoBytesTellsThatAnAnswerHasBegun) {
  const HttpServer server(Always(RawAnswer().Send("HTTP/1.1 200 OK\r\n\r\n").WaitForClient()));
  std::size_t size = 1;
  const auto answer =
      NewClient(server)->Stream(Context::Background().WithTimeout(std::chrono::seconds(10)), {},
                                [&](std::span<const std::byte> piece) {
                                  size = piece.size();
                                  return Aborted("it is answered");
                                });
  EXPECT_THAT(answer, StatusIs(Code::kAborted, "it is answered"));
  EXPECT_EQ(size, 0U);
}

TEST(CurlTransferStreamTest, TrailersBeginNoSecondAnswer) {
  const HttpServer server(Always(RawAnswer()
                                     .Send("HTTP/1.1 100 Continue\r\n\r\n"
                                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                                     .Send("1\r\nx\r\n0\r\nX-Trailer: 1\r\n\r\n")));
  std::vector<std::size_t> sizes;
  EXPECT_THAT(NewClient(server)->Stream(Context::Background(), {},
                                        [&](std::span<const std::byte> piece) {
                                          sizes.push_back(piece.size());
                                          return OkStatus();
                                        }),
              IsOk());
  EXPECT_THAT(sizes, ::testing::ElementsAre(0, 1));
}

TEST(CurlTransferStreamTest, AnErrorsBodyIsNotForTheSink) {
  const HttpServer server(Always(ServedAnswer{.status = 410, .body = "gone"}));
  const auto client = NewClient(server);
  const auto sink = [](std::span<const std::byte>) { return Internal("not for me"); };
  const auto answer = client->Stream(Context::Background(), {}, sink);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->status, 410);
  EXPECT_EQ(answer->body.RevealText(), "gone");
  EXPECT_THAT(client->Stream(Context::Background(), {.max_answer_bytes = 3}, sink),
              StatusIs(Code::kDataLoss));
}

TEST(CurlTransferStreamTest, TheSinksErrorEndsIt) {
  const HttpServer server(Always(RawAnswer().Send("HTTP/1.1 200 OK\r\n\r\nevent").WaitForClient()));
  EXPECT_THAT(
      NewClient(server)->Stream(Context::Background(), {},
                                [](std::span<const std::byte>) { return Aborted("seen enough"); }),
      StatusIs(Code::kAborted, "seen enough"));
}

TEST(CurlTransferStreamTest, CancellingEndsASilentOne) {
  const HttpServer server(Always(RawAnswer().Send("HTTP/1.1 200 OK\r\n\r\nevent").WaitForClient()));
  std::atomic<bool> cancelled{false};
  const Context context({.is_cancelled = [&cancelled] { return cancelled.load(); }});
  EXPECT_THAT(NewClient(server)->Stream(context, {},
                                        [&cancelled](std::span<const std::byte>) {
                                          cancelled = true;
                                          return OkStatus();
                                        }),
              StatusIs(Code::kCancelled));
}

}  // namespace
}  // namespace rbdcrypt::net
