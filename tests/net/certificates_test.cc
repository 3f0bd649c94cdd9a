// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using net::CertificatesIn;
using ::testing::HasSubstr;

constexpr char kOne[] = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
constexpr char kTwo[] =
    "-----BEGIN TRUSTED CERTIFICATE-----\nMIIC\n-----END TRUSTED CERTIFICATE-----\n";
constexpr char kKey[] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

TEST(CertificatesTest, CertificatesAreTakenAndNothingElse) {
  const std::string both = std::string(kOne) + kTwo;
  EXPECT_THAT(CertificatesIn(Secret(both), "x"), IsOkAndHolds(both));
  EXPECT_THAT(CertificatesIn(Secret(kKey + std::string("a comment\n") + kOne + kKey), "x"),
              IsOkAndHolds(std::string(kOne)));
}

TEST(CertificatesTest, TextWithoutAnyIsAnErrorThatShowsNothingOfIt) {
  for (const std::string& text :
       {std::string(), std::string(kKey), std::string("c2VjcmV0"), std::string("-----BEGIN "),
        std::string("-----BEGIN CERTIFICATE-----\nc2VjcmV0"),
        std::string("-----BEGIN CERTIFICATE")}) {
    const Status status = CertificatesIn(Secret(text), "Secret a/b, key \"cert\"").status();
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument, HasSubstr("Secret a/b, key"))) << text;
    EXPECT_EQ(Message(status).find("c2VjcmV0"), std::string::npos);
  }
}

}  // namespace
}  // namespace rbdcrypt::testing
