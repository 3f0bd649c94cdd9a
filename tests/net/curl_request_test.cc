// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_request.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

HttpRequest WithSecret(const std::string& name, std::string_view value) {
  HttpRequest request;
  request.secret_headers.push_back({.name = name, .value = Secret(value)});
  return request;
}

TEST(CurlRequestTest, HeadersAreWrittenAsLibcurlReadsThem) {
  HttpRequest request = WithSecret("X-Vault-Token", "hvs.x");
  request.headers = {{.name = "X-Plain", .value = "a: b;"}, {.name = "X-Empty", .value = ""}};
  request.content_type = "application/json";
  CurlHeaders headers(request);
  request = {};
  std::vector<std::string> lines;
  for (const curl_slist* node = headers.get(); node != nullptr; node = node->next) {
    lines.emplace_back(node->data);
  }
  EXPECT_THAT(lines, ElementsAre("Expect: ", "Content-Type: application/json", "X-Plain: a: b;",
                                 "X-Empty;", "X-Vault-Token: hvs.x"));
}

TEST(CurlRequestTest, TakesWhatIsOneHeader) {
  for (const char* value : {"", "a b\tc", "\xc3\xa9", "a:b;c"}) {
    EXPECT_THAT(CheckRequest(WithSecret("X-Vault-Token", value)), IsOk()) << value;
  }
}

TEST(CurlRequestTest, RefusesWhatWouldBeMoreThanOneAndDoesNotShowIt) {
  for (const char* value : {"hunter2\r\nX-Other: 1", "hunter2\n", "hunter2\r", "\x01", "\x7f"}) {
    const auto is_refused = StatusIs(Code::kInvalidArgument, Not(HasSubstr("hunter2")));
    EXPECT_THAT(CheckRequest(WithSecret("X-Vault-Token", value)),
                AllOf(is_refused, StatusIs(Code::kInvalidArgument, HasSubstr("X-Vault-Token"))));
    EXPECT_THAT(CheckRequest({.headers = {{.name = "X-Plain", .value = value}}}), is_refused);
    EXPECT_THAT(CheckRequest({.content_type = value}), is_refused);
  }
  EXPECT_THAT(CheckRequest(WithSecret("X-Vault-Token", std::string_view("a\0b", 3))),
              StatusIs(Code::kInvalidArgument));
  for (const char* name : {"", "a b", "a:", "a;", "a\n", "\xc3\xa9"}) {
    EXPECT_THAT(CheckRequest(WithSecret(name, "1")), StatusIs(Code::kInvalidArgument)) << name;
  }
}

TEST(CurlRequestTest, RefusesTargetsAndMethodsThatAreNone) {
  for (const char* target : {"a b", "a\r\n", "\xc3\xa9", "a\tb"}) {
    EXPECT_THAT(CheckRequest({.target = target}), StatusIs(Code::kInvalidArgument)) << target;
  }
  EXPECT_THAT(CheckRequest({.target = std::string(64 << 10, 'a')}), IsOk());
  EXPECT_THAT(CheckRequest({.target = std::string((64 << 10) + 1, 'a')}),
              StatusIs(Code::kInvalidArgument));
  for (const char* method : {"", "GET /x", "GET\r\n"}) {
    EXPECT_THAT(CheckRequest({.method = method}), StatusIs(Code::kInvalidArgument)) << method;
  }
}

TEST(CurlRequestTest, OnlyReadsMayBeRepeated) {
  EXPECT_TRUE(MayBeRepeated({}));
  EXPECT_TRUE(MayBeRepeated({.method = "HEAD"}));
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "LIST", "get"}) {
    EXPECT_FALSE(MayBeRepeated({.method = method})) << method;
  }
}

TEST(CurlRequestTest, TheHostMayBeSaidOtherwise) {
  const auto first_line = [](std::string_view host) {
    CurlHeaders headers(HttpRequest{}, host);
    return std::string(headers.get()->data);
  };
  EXPECT_EQ(first_line("vault.test:8200"), "Host: vault.test:8200");
  EXPECT_EQ(first_line(""), "Expect: ");
}

TEST(CurlRequestTest, WhatWritesHasABody) {
  for (const char* method : {"POST", "PUT", "PATCH"}) {
    EXPECT_TRUE(HasBody({.method = method})) << method;
  }
  for (const char* method : {"GET", "HEAD", "DELETE", "LIST"}) {
    EXPECT_FALSE(HasBody({.method = method})) << method;
  }
  EXPECT_TRUE(HasBody({.method = "DELETE", .body = Secret("x")}));
}

}  // namespace
}  // namespace rbdcrypt::net
