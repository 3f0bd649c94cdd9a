// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_errors.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/http_client.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kServer = "https://vault.test:8200";

CurlFailure Failure(CURLcode code, bool sent) {
  return {.code = code, .server = kServer, .detail = "libcurl's words", .sent = sent};
}

TEST(CurlErrorsTest, EveryCodeIsAnErrorThatNamesTheServer) {
  for (int code = 1; code < CURL_LAST; ++code) {
    for (const bool sent : {false, true}) {
      const Status status = FromCurl(Failure(static_cast<CURLcode>(code), sent));
      EXPECT_FALSE(status.ok()) << code;
      EXPECT_THAT(Message(status), HasSubstr(kServer)) << code;
      EXPECT_EQ(MayHaveArrived(status), sent) << code;
    }
  }
}

TEST(CurlErrorsTest, ALostConnectionIsUnavailable) {
  for (const CURLcode code :
       {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR, CURLE_RECV_ERROR,
        CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_SSL_CONNECT_ERROR}) {
    EXPECT_THAT(FromCurl(Failure(code, true)),
                StatusIs(Code::kUnavailable, HasSubstr("libcurl's words")))
        << code;
  }
}

TEST(CurlErrorsTest, WithoutLibcurlsWordsTheTextIsOfTheCode) {
  EXPECT_THAT(FromCurl({.code = CURLE_GOT_NOTHING, .server = kServer, .sent = true}),
              StatusIs(Code::kUnavailable, HasSubstr("Server returned nothing")));
}

TEST(CurlErrorsTest, ATimeOutIsTheCallersOrThatForConnecting) {
  CurlFailure failure = Failure(CURLE_OPERATION_TIMEDOUT, false);
  EXPECT_THAT(FromCurl(failure), StatusIs(Code::kUnavailable));
  failure.deadline_is_near = true;
  EXPECT_THAT(FromCurl(failure), StatusIs(Code::kDeadlineExceeded, HasSubstr("connection")));
  failure.sent = true;
  EXPECT_THAT(FromCurl(failure), StatusIs(Code::kDeadlineExceeded, HasSubstr("answer")));
  failure.deadline_is_near = false;
  EXPECT_THAT(FromCurl(failure), StatusIs(Code::kDeadlineExceeded));
}

TEST(CurlErrorsTest, AnAlertAboutTheCertificateMeansThatNothingArrived) {
  for (const int alert : {SSL3_AD_HANDSHAKE_FAILURE, SSL3_AD_BAD_CERTIFICATE, TLS1_AD_UNKNOWN_CA,
                          TLS13_AD_CERTIFICATE_REQUIRED}) {
    CurlFailure failure = Failure(CURLE_RECV_ERROR, true);
    failure.fatal_alert = alert;
    const Status status = FromCurl(failure);
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument,
                                 AllOf(HasSubstr(kServer), HasSubstr("client certificate"))));
    EXPECT_FALSE(MayHaveArrived(status));
  }
}

TEST(CurlErrorsTest, WhatIsWrongWithACertificateIsSaid) {
  CurlFailure failure = Failure(CURLE_SSL_CONNECT_ERROR, false);
  failure.verify_error = X509_V_ERR_CERT_SIGNATURE_FAILURE;
  EXPECT_THAT(FromCurl(failure),
              StatusIs(Code::kInvalidArgument, HasSubstr("certificate signature failure")));
}

TEST(CurlErrorsTest, AnAlertAboutTheServersOwnTroubleIsUnavailable) {
  CurlFailure failure = Failure(CURLE_SSL_CONNECT_ERROR, false);
  failure.fatal_alert = SSL_AD_INTERNAL_ERROR;
  EXPECT_THAT(FromCurl(failure), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::net
