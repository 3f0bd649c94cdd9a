// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/endpoint.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// KMIP's, as IANA registered it.
constexpr std::uint16_t kPort = 5696;

TEST(EndpointTest, WritesBracketsAroundIpv6Only) {
  EXPECT_EQ((Endpoint{.host = "kmip.example", .port = 5696}.Text()), "kmip.example:5696");
  EXPECT_EQ((Endpoint{.host = "10.0.0.1", .port = 1}.Text()), "10.0.0.1:1");
  EXPECT_EQ((Endpoint{.host = "fd00::1", .port = 65535}.Text()), "[fd00::1]:65535");
}

struct Good {
  std::string_view text;
  std::vector<Endpoint> endpoints;
};

class GoodEndpointsTest : public ::testing::TestWithParam<Good> {};

TEST_P(GoodEndpointsTest, AreTakenApart) {
  EXPECT_THAT(ParseEndpoints(GetParam().text, kPort), IsOkAndHolds(GetParam().endpoints));
}

INSTANTIATE_TEST_SUITE_P(
    Texts,
    GoodEndpointsTest,
    ::testing::Values(Good{"kmip", {{"kmip", kPort}}},
                      Good{"kmip:1", {{"kmip", 1}}},
                      Good{"KMIP.Example:65535", {{"kmip.example", 65535}}},
                      Good{"a-b_c.d", {{"a-b_c.d", kPort}}},
                      Good{"10.0.0.1:5697", {{"10.0.0.1", 5697}}},
                      Good{"[fd00::1]", {{"fd00::1", kPort}}},
                      Good{"[FD00::A]:7", {{"fd00::a", 7}}},
                      Good{" a:1 ,\tb , [::1]:2\n", {{"a", 1}, {"b", kPort}, {"::1", 2}}},
                      // The same host twice is two servers where the ports differ.
                      Good{"a:1,a:2", {{"a", 1}, {"a", 2}}}));

struct Bad {
  std::string_view text;
  // The piece at fault, and what is wrong with it.
  std::string_view piece;
  std::string_view why;
};

class BadEndpointsTest : public ::testing::TestWithParam<Bad> {};

TEST_P(BadEndpointsTest, AreNamed) {
  const Bad& bad = GetParam();
  EXPECT_THAT(ParseEndpoints(bad.text, kPort),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr(Cat('"', bad.piece, '"')), HasSubstr(bad.why))));
}

INSTANTIATE_TEST_SUITE_P(Texts,
                         BadEndpointsTest,
                         ::testing::Values(Bad{"", "", "empty"},
                                           Bad{"a,,b", "", "empty"},
                                           Bad{"a, ", "", "empty"},
                                           Bad{"a,b:0", "b:0", "port"},
                                           Bad{"a:65536", "a:65536", "port"},
                                           Bad{"a:", "a:", "port"},
                                           Bad{"a:1x", "a:1x", "port"},
                                           Bad{"a:-1", "a:-1", "port"},
                                           Bad{"[::1]5696", "[::1]5696", "port"},
                                           Bad{":5696", ":5696", "no host"},
                                           Bad{"[]:1", "[]:1", "no host"},
                                           Bad{"https://a:1", "https://a:1", "scheme"},
                                           Bad{"a:1/b", "a:1/b", "path"},
                                           Bad{"fd00::1", "fd00::1", "brackets"},
                                           Bad{"fd00::1:5696", "fd00::1:5696", "brackets"},
                                           Bad{"[fd00::1", "[fd00::1", "]"},
                                           Bad{"[a]:1", "[a]:1", "neither"},
                                           Bad{"[10.0.0.1]:1", "[10.0.0.1]:1", "neither"},
                                           Bad{"[fe80::1%eth0]:1", "[fe80::1%eth0]:1", "neither"},
                                           Bad{"a b:1", "a b:1", "neither"},
                                           Bad{"u@a:1", "u@a:1", "neither"},
                                           Bad{"a:1,b,A:1", "A:1", "twice"},
                                           Bad{"a,a:5696", "a:5696", "twice"}));

}  // namespace
}  // namespace rbdcrypt::net
