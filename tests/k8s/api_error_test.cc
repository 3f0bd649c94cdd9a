// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/api_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using testing::FakeHttpClient;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusIs;

const ApiCall kGetSecret = {
    .verb = "get", .resource = kSecrets, .name = {"shop", "key"}, .part = ""};

Status Of(int status, const std::string& body) {
  return ErrorOf(kGetSecret, FakeHttpClient::Answer(status, body));
}

TEST(ApiErrorTest, HttpStatusesBecomeTheCodesOfTheClient) {
  const std::pair<int, Code> table[] = {
      {301, Code::kUnavailable},      {400, Code::kInvalidArgument}, {401, Code::kPermissionDenied},
      {403, Code::kPermissionDenied}, {404, Code::kNotFound},        {405, Code::kUnimplemented},
      {407, Code::kUnavailable},      {408, Code::kUnavailable},     {409, Code::kAborted},
      {410, Code::kOutOfRange},       {422, Code::kInvalidArgument}, {429, Code::kUnavailable},
      {500, Code::kUnavailable},      {503, Code::kUnavailable},     {504, Code::kUnavailable}};
  for (const auto& [http, code] : table) {
    EXPECT_THAT(Of(http, ""), StatusIs(code, HasSubstr("get secrets \"key\""))) << http;
  }
}

TEST(ApiErrorTest, WhatOnlyAProxySaysNamesIt) {
  for (const int status : {302, 407}) {
    EXPECT_THAT(Of(status, "<html>"), StatusIs(Code::kUnavailable, HasSubstr("proxy"))) << status;
  }
}

TEST(ApiErrorTest, TheReasonTellsTwoConflictsApart) {
  EXPECT_THAT(Of(409, R"({"reason":"AlreadyExists","message":"there"})"),
              StatusIs(Code::kAlreadyExists, HasSubstr("there")));
  EXPECT_THAT(Of(409, R"({"reason":"Conflict","message":"modified"})"),
              StatusIs(Code::kAborted, HasSubstr("modified")));
}

TEST(ApiErrorTest, GoneIsExpired) {
  EXPECT_TRUE(IsExpired(Of(410, R"({"reason":"Expired"})")));
  EXPECT_FALSE(IsExpired(Of(404, "")));
  EXPECT_FALSE(IsExpired(OkStatus()));
}

TEST(ApiErrorTest, ForbiddenByRbacNamesTheMissingRule) {
  const Status status =
      Of(403, R"({"message":"User \"x\" cannot get resource \"secrets\" in API group \"\""})");
  EXPECT_THAT(status, StatusIs(Code::kPermissionDenied,
                               AllOf(HasSubstr("User \"x\" cannot"), HasSubstr("apiGroups: [\"\"]"),
                                     HasSubstr("resources: [\"secrets\"]"),
                                     HasSubstr("verbs: [\"get\"]"), HasSubstr("\"shop\""))));
}

TEST(ApiErrorTest, TheRuleForASubresourceAndAClusterNamesThose) {
  const ApiCall call = {
      .verb = "patch", .resource = kPersistentVolumes, .name = {"", "pv"}, .part = "status"};
  EXPECT_THAT(
      ErrorOf(call, FakeHttpClient::Answer(403, "")),
      StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("ClusterRole"), Not(HasSubstr("namespace")),
                                              HasSubstr("[\"persistentvolumes/status\"]"))));
}

TEST(ApiErrorTest, ForbiddenByAQuotaAsksForNoRule) {
  EXPECT_THAT(Of(403, R"({"message":"exceeded quota: q, requested: 1"})"),
              StatusIs(Code::kPermissionDenied,
                       AllOf(HasSubstr("exceeded quota"), Not(HasSubstr("apiGroups")))));
}

TEST(ApiErrorTest, ANamespaceOnItsWayOutIsAPrecondition) {
  EXPECT_THAT(Of(403, R"({"reason":"Forbidden","message":"being terminated",
                          "details":{"causes":[{"reason":"NamespaceTerminating"}]}})"),
              StatusIs(Code::kFailedPrecondition, HasSubstr("being terminated")));
}

TEST(ApiErrorTest, AnAnswerThatIsNoStatusObjectIsNotRepeated) {
  EXPECT_THAT(Of(502, "<html>secret</html>"),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("502"), Not(HasSubstr("secret<")))));
  EXPECT_THAT(Of(404, R"([1])"), StatusIs(Code::kNotFound, HasSubstr("404")));
}

TEST(ApiErrorTest, LongMessagesAreCut) {
  const std::string long_message(100'000, 'x');
  const Status status = Of(422, Json{{"message", long_message}}.dump());
  EXPECT_LT(Message(status).size(), 2000U);
}

TEST(ApiErrorTest, AStatusObjectAloneIsReadByItsCode) {
  EXPECT_TRUE(IsExpired(ErrorOfStatusObject(kGetSecret, {{"code", 410}, {"message", "old"}})));
  EXPECT_THAT(ErrorOfStatusObject(kGetSecret, {{"message", "decoding failed"}}),
              StatusIs(Code::kUnavailable, HasSubstr("decoding failed")));
  EXPECT_THAT(ErrorOfStatusObject(kGetSecret, {{"code", 200}}), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::k8s
