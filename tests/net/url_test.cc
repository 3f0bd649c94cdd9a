// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/url.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(std::string_view text) {
  const auto url = ParseUrl(text);
  return url.ok() ? url->Text() : Message(url.status());
}

TEST(UrlTest, TakesAnAddressApart) {
  ASSERT_OK_AND_ASSIGN(const Url url, ParseUrl("https://Vault.Example:8200/Base/v%2F1"));
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "vault.example");
  EXPECT_EQ(url.port, 8200);
  EXPECT_EQ(url.path, "/Base/v%2F1");
}

TEST(UrlTest, WritesWhatItReads) {
  EXPECT_EQ(TextOf("https://a"), "https://a:443");
  EXPECT_EQ(TextOf("http://a"), "http://a:80");
  EXPECT_EQ(TextOf("HTTP://A:1"), "http://a:1");
  EXPECT_EQ(TextOf("https://a-b_c.d:65535"), "https://a-b_c.d:65535");
  EXPECT_EQ(TextOf("https://10.0.0.1:443/"), "https://10.0.0.1:443");
  EXPECT_EQ(TextOf("https://a//b///"), "https://a:443//b");
}

TEST(UrlTest, BracketsStandAroundIpv6AndNothingElse) {
  ASSERT_OK_AND_ASSIGN(const Url url, ParseUrl("https://[2001:DB8::1]:8200/x"));
  EXPECT_EQ(url.host, "2001:db8::1");
  EXPECT_EQ(url.Text(), "https://[2001:db8::1]:8200/x");
  EXPECT_EQ(TextOf("http://[::1]"), "http://[::1]:80");
  for (const char* text : {"https://[::1", "https://[]", "https://[vault]", "https://[1.2.3.4]",
                           "https://[fe80::1%25eth0]", "https://2001:db8::1", "https://[::1]x",
                           "https://[::1]x:1", "https://::1"}) {
    EXPECT_THAT(ParseUrl(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(UrlTest, RefusesWhatIsNoServerAddress) {
  for (const char* text : {"",
                           "vault:8200",
                           "//vault",
                           "https:/vault",
                           "https//vault",
                           "ftp://vault",
                           "unix:///x",
                           "https://",
                           "https://:8200",
                           "https:///path",
                           "https://va ult",
                           "https://vault /x",
                           "https://vault\n",
                           "https://vau\x01lt",
                           "https://vault/\xc3\xa9",
                           "https://va%75lt",
                           "https://vault?x",
                           "https://vault/#x",
                           "https://vault\\x",
                           "https://vau,lt"}) {
    EXPECT_THAT(ParseUrl(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(UrlTest, RefusesPortsThatAreNone) {
  for (const char* port : {"", "0", "65536", "-1", "+1", "8200x", "18446744073709551617"}) {
    EXPECT_THAT(ParseUrl(std::string("https://vault:") + port),
                StatusIs(Code::kInvalidArgument, HasSubstr("https://vault has a port")))
        << port;
  }
}

TEST(UrlTest, ErrorsNeverShowAPassword) {
  for (const char* text :
       {"https://user:hunter2@vault", "https://hunter2@vault:1", "https://user:hunter2 @vault",
        "hunter2://vault", "https://vault?hunter2", "https://user:hunter2", "https://[hunter2"}) {
    EXPECT_THAT(ParseUrl(text), StatusIs(Code::kInvalidArgument, Not(HasSubstr("hunter2"))))
        << text;
  }
  EXPECT_THAT(ParseUrl("https://user@vault"),
              StatusIs(Code::kInvalidArgument, HasSubstr("user information")));
}

TEST(UrlTest, EscapesSegments) {
  EXPECT_EQ(EscapeSegment("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(EscapeSegment("a/b?c#d%e f"), "a%2Fb%3Fc%23d%25e%20f");
  EXPECT_EQ(EscapeSegment("\xc3\xa9\n"), "%C3%A9%0A");
  EXPECT_EQ(EscapeSegment(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(EscapeSegment(""), "");
}

TEST(UrlTest, EscapesStepsSoThatTheyAreNone) {
  EXPECT_EQ(EscapeSegment("."), "%2E");
  EXPECT_EQ(EscapeSegment(".."), "%2E%2E");
  EXPECT_EQ(EscapeSegment("..."), "...");
  EXPECT_EQ(EscapePath("a/../b"), "a/%2E%2E/b");
}

TEST(UrlTest, JoinsPathsWithSingleSlashes) {
  EXPECT_EQ(EscapePath("/a//b/"), "a/b");
  EXPECT_EQ(EscapePath("a/b c"), "a/b%20c");
  EXPECT_EQ(EscapePath("///"), "");
  EXPECT_EQ(EscapePath(""), "");
}

}  // namespace
}  // namespace rbdcrypt::net
