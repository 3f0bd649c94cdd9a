// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Feeds `text` in pieces of `size` bytes and gives the lines.
std::vector<std::string> LinesOf(std::string_view text, std::size_t size) {
  LineSplitter splitter(100, true);
  std::vector<std::string> lines;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) {
    EXPECT_THAT(splitter.Feed(Bytes(text.substr(0, size)),
                              [&](std::string_view line) {
                                lines.emplace_back(line);
                                return OkStatus();
                              }),
                IsOk());
  }
  return lines;
}

class Decoded {
 public:
  explicit Decoded(bool identity_only = false)
      : decoder_({.verb = "watch", .resource = kConfigMaps, .name = {"shop", ""}, .part = ""},
                 identity_only) {}

  Status Feed(std::string_view text) {
    return decoder_.Feed(Bytes(text), [this](WatchEvent event) {
      events.push_back(std::move(event));
      return sink_status;
    });
  }

  std::vector<WatchEvent> events;
  Status sink_status;

 private:
  WatchDecoder decoder_;
};

TEST(LineSplitterTest, LinesDoNotDependOnHowTheBytesCome) {
  const std::string text = "one\n\ntwo three\nlast";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    EXPECT_THAT(LinesOf(text, size), ElementsAre("one", "", "two three")) << size;
  }
}

TEST(LineSplitterTest, ALineThatIsTooLongEndsIt) {
  LineSplitter splitter(4, false);
  const auto ignore = [](std::string_view) { return OkStatus(); };
  EXPECT_THAT(splitter.Feed(Bytes("1234\n12"), ignore), IsOk());
  EXPECT_THAT(splitter.Feed(Bytes("345"), ignore), StatusIs(Code::kInternal, HasSubstr("4 bytes")));
}

TEST(LineSplitterTest, OnlyLinesWithSecretsTakeTheirMemory) {
  InitSecretHeap();
  const std::size_t before = CRYPTO_secure_used();
  const std::string piece(10'000, 'x');
  const auto ignore = [](std::string_view) { return OkStatus(); };
  LineSplitter open(1 << 20, true);
  EXPECT_THAT(open.Feed(std::as_bytes(std::span(piece)), ignore), IsOk());
  EXPECT_EQ(CRYPTO_secure_used(), before);
  LineSplitter secret(1 << 20, false);
  EXPECT_THAT(secret.Feed(std::as_bytes(std::span(piece)), ignore), IsOk());
  EXPECT_GE(CRYPTO_secure_used(), before + piece.size());
}

TEST(LineSplitterTest, AnErrorOfTheReaderEndsIt) {
  LineSplitter splitter(100, true);
  int lines = 0;
  EXPECT_THAT(splitter.Feed(Bytes("a\nb\n"),
                            [&](std::string_view) {
                              ++lines;
                              return Cancelled("enough");
                            }),
              StatusIs(Code::kCancelled));
  EXPECT_EQ(lines, 1);
}

TEST(WatchDecoderTest, EventsAreDecodedByType) {
  Decoded decoded;
  ASSERT_THAT(decoded.Feed(R"({"type":"ADDED","object":{"metadata":{"name":"a"}}}
{"type":"MODIFIED","object":{"n":1}}
{"type":"DELETED","object":{"n":2}}
{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}
)"),
              IsOk());
  ASSERT_EQ(decoded.events.size(), 4U);
  EXPECT_EQ(decoded.events[0].type, WatchEvent::Type::kAdded);
  EXPECT_EQ(decoded.events[0].object["metadata"]["name"], "a");
  EXPECT_EQ(decoded.events[1].type, WatchEvent::Type::kModified);
  EXPECT_EQ(decoded.events[2].type, WatchEvent::Type::kDeleted);
  EXPECT_EQ(decoded.events[3].type, WatchEvent::Type::kBookmark);
}

TEST(WatchDecoderTest, AnEventWaitsForItsEnd) {
  Decoded decoded;
  ASSERT_THAT(decoded.Feed(R"({"type":"ADDED",)"), IsOk());
  EXPECT_THAT(decoded.events, IsEmpty());
  ASSERT_THAT(decoded.Feed("\"object\":{}}"), IsOk());
  EXPECT_THAT(decoded.events, IsEmpty());
  ASSERT_THAT(decoded.Feed("\n"), IsOk());
  EXPECT_EQ(decoded.events.size(), 1U);
}

TEST(WatchDecoderTest, EmptyLinesAndUnknownTypesAreSkipped) {
  Decoded decoded;
  EXPECT_THAT(decoded.Feed("\n \r\n{\"type\":\"NEW\",\"object\":{}}\n"), IsOk());
  EXPECT_THAT(decoded.events, IsEmpty());
}

TEST(WatchDecoderTest, AnErrorEventIsItsError) {
  for (const bool identity_only : {false, true}) {
    Decoded decoded(identity_only);
    const Status status =
        decoded.Feed("{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n");
    EXPECT_TRUE(IsExpired(status));
    EXPECT_THAT(status, StatusIs(Code::kOutOfRange,
                                 AllOf(HasSubstr("watch configmaps"), HasSubstr("too old"))));
  }
}

TEST(WatchDecoderTest, WhatIsNoEventIsAnErrorThatDoesNotRepeatIt) {
  for (const bool identity_only : {false, true}) {
    for (const char* line : {"s3cr3t", "[\"s3cr3t\"]", "{\"type\":\"ADDED\"}", "7",
                             "{\"type\":\"ADDED\",\"object\":\"s3cr3t\"}"}) {
      Decoded decoded(identity_only);
      EXPECT_THAT(decoded.Feed(Cat(line, "\n")),
                  StatusIs(Code::kInternal, Not(HasSubstr("s3cr3t"))))
          << line << identity_only;
    }
  }
}

TEST(WatchDecoderTest, AnErrorOfTheSinkEndsIt) {
  Decoded decoded;
  decoded.sink_status = Cancelled("enough");
  EXPECT_THAT(decoded.Feed("{\"type\":\"ADDED\",\"object\":{}}\n"
                           "{\"type\":\"ADDED\",\"object\":{}}\n"),
              StatusIs(Code::kCancelled));
  EXPECT_EQ(decoded.events.size(), 1U);
}

TEST(WatchDecoderTest, OfIdentitiesNothingElseIsKept) {
  Decoded decoded(true);
  ASSERT_THAT(decoded.Feed(R"({"type":"ADDED","object":{"apiVersion":"v1","kind":"Secret",)"
                           R"("metadata":{"name":"a","namespace":"n","uid":"u",)"
                           R"("resourceVersion":"5","creationTimestamp":"2026-01-01T00:00:00Z",)"
                           R"("annotations":{"last":"s3cr3t"}},"data":{"k":"s3cr3t"}}})"
                           "\n"),
              IsOk());
  ASSERT_EQ(decoded.events.size(), 1U);
  EXPECT_EQ(decoded.events[0].object,
            Json::parse(R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a",
                "namespace":"n","uid":"u","resourceVersion":"5",
                "creationTimestamp":"2026-01-01T00:00:00Z"}})"));
}

TEST(WatchDecoderTest, AnIdentityNeedsMetadata) {
  EXPECT_THAT(IdentityOf("{\"kind\":\"Secret\"}"), StatusIs(Code::kInternal));
  EXPECT_THAT(IdentityOf("s3cr3t"), StatusIs(Code::kInternal, Not(HasSubstr("s3cr3t"))));
}

}  // namespace
}  // namespace rbdcrypt::k8s
