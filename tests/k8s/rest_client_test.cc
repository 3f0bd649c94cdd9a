// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using testing::FakeClock;
using testing::FakeHttpClient;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;
using Kind = FakeKubeApi::Fault::Kind;

const ObjectName kName = {"shop", "config"};

class RestClientTest : public ::testing::Test {
 protected:
  Json NewMap() const {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", kName.name}, {"namespace", kName.ns}}},
            {"data", {{"a", "1"}}}};
  }

  // The only request so far.
  FakeKubeApi::Seen Sent() {
    const auto seen = api_.seen();
    EXPECT_EQ(seen.size(), 1U);
    return seen.at(0);
  }

  FakeKubeApi api_;
  FakeClock clock_;
  RestClient client_{api_};
  Context context_{{.clock = &clock_}};
};

TEST_F(RestClientTest, SecretsPassNoCallThatWouldMakeJsonOfThem) {
  const Json secret = {{"metadata", {{"name", "k"}, {"namespace", "n"}, {"resourceVersion", "1"}}}};
  const Status refused[] = {
      client_.Get(context_, kSecrets, kName).status(),
      client_.List(context_, kSecrets, {}).status(),
      client_.Create(context_, kSecrets, secret).status(),
      client_.Update(context_, kSecrets, secret, Part::kMain).status(),
      client_.Patch(context_, kSecrets, kName, secret, {}).status(),
      client_.Delete(context_, kSecrets, kName, {}),
      client_.Watch(context_, kSecrets, {}, [](const WatchEvent&) { return OkStatus(); })};
  for (const Status& status : refused) {
    EXPECT_THAT(status, StatusIs(Code::kInvalidArgument, HasSubstr("GetSecret")));
  }
  EXPECT_EQ(api_.seen().size(), 0U);
}

TEST_F(RestClientTest, WritesGoToTheObjectsPathWithTheirType) {
  ASSERT_THAT(client_.Create(context_, kConfigMaps, NewMap()), IsOk());
  EXPECT_EQ(Sent().method, "POST");
  EXPECT_EQ(Sent().target, "api/v1/namespaces/shop/configmaps");
  EXPECT_THAT(Sent().headers, Contains("Content-Type: application/json"));
  api_.ClearSeen();
  ASSERT_THAT(client_.Patch(context_, kConfigMaps, kName, {{"data", {{"a", "2"}}}}, {}), IsOk());
  EXPECT_EQ(Sent().target, "api/v1/namespaces/shop/configmaps/config?fieldManager=rbdcrypt");
  EXPECT_THAT(Sent().headers, Contains("Content-Type: application/merge-patch+json"));
  api_.ClearSeen();
  ASSERT_THAT(client_.Patch(context_, kConfigMaps, kName, NewMap(),
                            {.kind = PatchOptions::Kind::kApply,
                             .part = Part::kMain,
                             .field_manager = "a b",
                             .force = true}),
              IsOk());
  EXPECT_EQ(Sent().target,
            "api/v1/namespaces/shop/configmaps/config?fieldManager=a%20b&force=true");
  EXPECT_THAT(Sent().headers, Contains("Content-Type: application/apply-patch+yaml"));
  api_.ClearSeen();
  ASSERT_THAT(client_.Delete(context_, kConfigMaps, kName, {.propagation = "Foreground"}), IsOk());
  EXPECT_EQ(Sent().method, "DELETE");
  EXPECT_EQ(Json::parse(Sent().body), Json::parse(R"({"apiVersion":"v1","kind":"DeleteOptions",
                            "propagationPolicy":"Foreground"})"));
}

TEST_F(RestClientTest, TheStatusIsWrittenToItsSubresource) {
  api_.Put(kPersistentVolumeClaims, kName, Json::object());
  PatchOptions options;
  options.part = Part::kStatus;
  ASSERT_OK_AND_ASSIGN(Json claim, client_.Patch(context_, kPersistentVolumeClaims, kName,
                                                 {{"status", {{"phase", "Bound"}}}}, options));
  EXPECT_THAT(Sent().target, HasSubstr("persistentvolumeclaims/config/status?"));
  claim["status"]["phase"] = "Lost";
  claim["spec"]["volumeName"] = "ignored";
  ASSERT_OK_AND_ASSIGN(claim,
                       client_.Update(context_, kPersistentVolumeClaims, claim, Part::kStatus));
  EXPECT_EQ(claim["status"]["phase"], "Lost");
  EXPECT_FALSE(claim.contains("spec"));
}

TEST_F(RestClientTest, UnknownFieldsSurviveAPatch) {
  api_.Put(kConfigMaps, kName, {{"data", {{"a", "1"}}}, {"future", {{"x", {1, 2, 3}}}}});
  ASSERT_OK_AND_ASSIGN(const Json patched,
                       client_.Patch(context_, kConfigMaps, kName,
                                     {{"metadata", {{"annotations", {{"note", "1"}}}}}}, {}));
  EXPECT_EQ(patched["future"]["x"], Json({1, 2, 3}));
  EXPECT_EQ(patched["data"]["a"], "1");
}

TEST_F(RestClientTest, AnUpdateMustSayWhatItReplaces) {
  EXPECT_THAT(client_.Update(context_, kConfigMaps, NewMap(), Part::kMain),
              StatusIs(Code::kInvalidArgument, HasSubstr("resourceVersion")));
  EXPECT_EQ(api_.seen().size(), 0U);
}

TEST_F(RestClientTest, AnObjectWithoutItsNamespaceIsNotWrittenSomewhere) {
  Json object = NewMap();
  object["metadata"].erase("namespace");
  EXPECT_THAT(client_.Create(context_, kConfigMaps, object),
              StatusIs(Code::kInvalidArgument, HasSubstr("namespace")));
  EXPECT_EQ(api_.seen().size(), 0U);
}

TEST_F(RestClientTest, TheServerMayChooseTheName) {
  Json object = NewMap();
  object["metadata"].erase("name");
  object["metadata"]["generateName"] = "config-";
  ASSERT_OK_AND_ASSIGN(const Json created, client_.Create(context_, kConfigMaps, object));
  EXPECT_THAT(created["metadata"]["name"].get<std::string>(), ::testing::StartsWith("config-"));
}

TEST_F(RestClientTest, ACreationWhoseAnswerIsLostIsNotRepeated) {
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Create(context_, kConfigMaps, NewMap()), StatusIs(Code::kUnavailable));
  EXPECT_EQ(api_.seen().size(), 1U);
  EXPECT_THAT(client_.Create(context_, kConfigMaps, NewMap()), StatusIs(Code::kAlreadyExists));
}

TEST_F(RestClientTest, ADeletionByNameAloneIsNotRepeatedAfterALostAnswer) {
  api_.Put(kConfigMaps, kName, Json::object());
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Delete(context_, kConfigMaps, kName, {}), StatusIs(Code::kUnavailable));
  // Now it would hit what others made under that name.
  EXPECT_EQ(api_.seen().size(), 1U);
  api_.Fail({.kind = Kind::kNeverArrived});
  EXPECT_THAT(client_.Delete(context_, kConfigMaps, kName, {}), StatusIs(Code::kNotFound));
  EXPECT_EQ(api_.seen().size(), 3U);
}

TEST_F(RestClientTest, ADeletionOfOneObjectIsRepeatedAndKnowsItsOwnWork) {
  for (const bool by_uid : {true, false}) {
    const ObjectMeta meta = *ParseMeta(api_.Put(kConfigMaps, kName, Json::object()));
    const DeleteOptions options = {.uid = by_uid ? meta.uid : "",
                                   .resource_version = by_uid ? "" : meta.resource_version};
    api_.Fail({.kind = Kind::kLostAnswer});
    EXPECT_THAT(client_.Delete(context_, kConfigMaps, kName, options), IsOk());
    // Without a lost answer it was another's.
    EXPECT_THAT(client_.Delete(context_, kConfigMaps, kName, options), StatusIs(Code::kNotFound));
  }
}

TEST_F(RestClientTest, ARepeatedDeletionSparesWhatWasMadeMeanwhile) {
  const ObjectMeta meta = *ParseMeta(api_.Put(kConfigMaps, kName, Json::object()));
  ASSERT_TRUE(api_.Remove(kConfigMaps, kName));
  api_.Put(kConfigMaps, kName, Json::object());
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Delete(context_, kConfigMaps, kName, {.uid = meta.uid}),
              StatusIs(Code::kAborted));
  EXPECT_FALSE(api_.Find(kConfigMaps, kName).is_null());
}

TEST_F(RestClientTest, AMergePatchIsRepeatedOnlyForTheVersionItNames) {
  api_.Put(kConfigMaps, kName, Json::object());
  Json patch = {{"data", {{"a", "2"}}}};
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Patch(context_, kConfigMaps, kName, patch, {}), StatusIs(Code::kUnavailable));
  EXPECT_EQ(api_.seen().size(), 1U);
  patch["data"]["a"] = "3";
  patch["metadata"]["resourceVersion"] =
      api_.Find(kConfigMaps, kName)["metadata"]["resourceVersion"];
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Patch(context_, kConfigMaps, kName, patch, {}), StatusIs(Code::kAborted));
  EXPECT_EQ(api_.seen().size(), 3U);
}

TEST_F(RestClientTest, AnApplyIsRepeatedAfterALostAnswer) {
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(
      client_.Patch(context_, kConfigMaps, kName, NewMap(), {.kind = PatchOptions::Kind::kApply}),
      IsOk());
  EXPECT_EQ(api_.seen().size(), 2U);
}

TEST_F(RestClientTest, AnUpdateWhoseAnswerIsLostEndsInAConflictWithItself) {
  Json object = api_.Put(kConfigMaps, kName, Json::object());
  object["data"]["a"] = "2";
  api_.Fail({.kind = Kind::kLostAnswer});
  EXPECT_THAT(client_.Update(context_, kConfigMaps, object, Part::kMain), StatusIs(Code::kAborted));
  EXPECT_EQ(api_.Find(kConfigMaps, kName)["data"]["a"], "2");
}

TEST_F(RestClientTest, ForbiddenNamesVerbResourceAndRule) {
  api_.Fail({.status = 403, .reason = "Forbidden", .message = "User \"x\" cannot get"});
  EXPECT_THAT(client_.GetSecret(context_, kName),
              StatusIs(Code::kPermissionDenied,
                       AllOf(HasSubstr("get secrets \"config\" in namespace \"shop\""),
                             HasSubstr("resources: [\"secrets\"], verbs: [\"get\"]"))));
  api_.Fail({.status = 403, .reason = "Forbidden", .message = "User \"x\" cannot create"});
  EXPECT_THAT(client_.RequestToken(context_, kName, {}),
              StatusIs(Code::kPermissionDenied,
                       HasSubstr("[\"serviceaccounts/token\"], verbs: [\"create\"]")));
}

TEST_F(RestClientTest, ATokenRequestIsRepeatedAfterALostAnswer) {
  api_.Put(kServiceAccounts, kName, Json::object());
  api_.Fail({.kind = Kind::kLostAnswer});
  ASSERT_OK_AND_ASSIGN(const ServiceAccountToken token, client_.RequestToken(context_, kName, {}));
  EXPECT_EQ(token.token.RevealText(), "token-2-of-shop-config");
}

TEST_F(RestClientTest, AnAnswerThatIsNoObjectIsAnErrorThatDoesNotRepeatIt) {
  for (const char* body : {"", "s3cr3t", "[\"s3cr3t\"]", "7"}) {
    FakeHttpClient http([&](const auto&) { return FakeHttpClient::Answer(200, body); });
    RestClient client(http);
    const auto is_internal = StatusIs(Code::kInternal, Not(HasSubstr("s3cr3t")));
    EXPECT_THAT(client.Get(context_, kConfigMaps, kName), is_internal);
    EXPECT_THAT(client.Create(context_, kConfigMaps, NewMap()), is_internal);
    EXPECT_THAT(client.GetSecret(context_, kName), is_internal);
    EXPECT_THAT(client.RequestToken(context_, kName, {}), is_internal);
  }
}

TEST_F(RestClientTest, InvalidUtf8IsReplacedAndNotThrown) {
  Json object = NewMap();
  object["data"]["a"] = "bad \xFF byte";
  ASSERT_OK_AND_ASSIGN(const Json created, client_.Create(context_, kConfigMaps, object));
  EXPECT_EQ(created["data"]["a"], "bad \xEF\xBF\xBD byte");
}

// A stream of the test's own.
class StreamHttp final : public net::HttpClient {
 public:
  using Sink = std::function<Status(std::span<const std::byte>)>;

  explicit StreamHttp(std::function<Result<net::HttpAnswer>(const Sink&)> stream)
      : stream_(std::move(stream)) {}

  Result<net::HttpAnswer> Send(const Context&, const net::HttpRequest&) override {
    return Internal("only streams");
  }

  Result<net::HttpAnswer> Stream(const Context&,
                                 const net::HttpRequest&,
                                 const Sink& sink) override {
    return stream_(sink);
  }

  const std::string& address() const override { return address_; }

 private:
  const std::function<Result<net::HttpAnswer>(const Sink&)> stream_;
  const std::string address_ = "https://stream:443";
};

// A watch of one request, with an answer of the test's own.
class RestClientWatchTest : public ::testing::Test {
 protected:
  Status Watch(const Context& context, const WatchOptions& options) {
    return client_.Watch(context, kConfigMaps, options, [this](const WatchEvent& event) {
      events_.push_back(event);
      return sink_status_;
    });
  }

  FakeKubeApi api_;
  RestClient client_{api_};
  std::vector<WatchEvent> events_;
  Status sink_status_;
};

TEST_F(RestClientWatchTest, TheQuerySaysWhatIsWatched) {
  api_.Fail({.status = 403});
  EXPECT_THAT(Watch(Context::Background(),
                    {.selection = {.ns = "shop", .labels = "a=b", .fields = "metadata.name=x"},
                     .resource_version = "77",
                     .timeout = std::chrono::seconds(90)}),
              StatusIs(Code::kPermissionDenied, HasSubstr("watch configmaps")));
  EXPECT_EQ(api_.seen()[0].target,
            "api/v1/namespaces/shop/configmaps?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx"
            "&watch=true&allowWatchBookmarks=true&resourceVersion=77&timeoutSeconds=90");
}

TEST_F(RestClientWatchTest, AnOldVersionIsExpired) {
  api_.ForgetHistory();
  EXPECT_TRUE(IsExpired(Watch(Context::Background(), {.resource_version = "1"})));
}

TEST_F(RestClientWatchTest, TheErrorOfTheSinkIsReturnedAsItIs) {
  api_.Put(kConfigMaps, kName, Json::object());
  sink_status_ = NotFound("mine");
  EXPECT_EQ(Watch(Context::Background(), {.resource_version = "1"}), sink_status_);
}

TEST_F(RestClientWatchTest, AConnectionThatDropsAfterAnEventIsNoError) {
  FakeHttpClient http(
      [](const auto&) -> Result<net::HttpAnswer> { return Unavailable("connection lost"); });
  RestClient unreachable(http);
  const auto ignore = [](const WatchEvent&) { return OkStatus(); };
  EXPECT_THAT(unreachable.Watch(Context::Background(), kConfigMaps, {}, ignore),
              StatusIs(Code::kUnavailable, HasSubstr("watch configmaps: connection lost")));
  api_.Put(kConfigMaps, kName, Json::object());
  EXPECT_THAT(client_.Watch(Context::Background(), kConfigMaps, {.resource_version = "1"},
                            [&](const WatchEvent&) {
                              api_.DropWatches();
                              return OkStatus();
                            }),
              IsOk());
}

TEST_F(RestClientWatchTest, AConnectionThatDropsBeforeAnEventIsNoErrorEither) {
  Status drop = Unavailable("connection lost");
  const Context context = Context::Background();
  const auto watch = [&](bool begins) {
    StreamHttp http([&](const auto& sink) -> Result<net::HttpAnswer> {
      if (begins) {
        RETURN_IF_ERROR(sink({}));
      }
      return drop;
    });
    RestClient client(http);
    return client.Watch(context, kConfigMaps, {},
                        [](const WatchEvent&) { return Internal("nothing came"); });
  };
  EXPECT_THAT(watch(true), IsOk());
  EXPECT_THAT(watch(false), StatusIs(Code::kUnavailable));
  drop = DeadlineExceeded("the watch's own");
  EXPECT_THAT(watch(true), IsOk());
  EXPECT_THAT(watch(false), StatusIs(Code::kUnavailable, HasSubstr("the watch's own")));
}

TEST_F(RestClientWatchTest, AWatchThatTheServerNeverEndsIsTakenForDead) {
  FakeClock clock;
  api_.Put(kConfigMaps, kName, Json::object());
  EXPECT_THAT(client_.Watch(Context({.clock = &clock}), kConfigMaps,
                            {.resource_version = "1", .timeout = std::chrono::seconds(60)},
                            [&](const WatchEvent&) {
                              clock.Advance(std::chrono::seconds(91));
                              return OkStatus();
                            }),
              IsOk());
}

TEST_F(RestClientWatchTest, ACancelledWatchSaysSo) {
  api_.Put(kConfigMaps, kName, Json::object());
  bool cancelled = false;
  const Context context({.is_cancelled = [&] { return cancelled; }});
  EXPECT_THAT(client_.Watch(context, kConfigMaps, {.resource_version = "1"},
                            [&](const WatchEvent&) {
                              cancelled = true;
                              return OkStatus();
                            }),
              StatusIs(Code::kCancelled));
}

TEST_F(RestClientWatchTest, SecretsAreWatchedByIdentityAlone) {
  api_.Put(kSecrets, kName, {{"data", {{"k", "czNjcjN0"}}}});
  const Status enough = Cancelled("enough");
  Json object;
  EXPECT_EQ(
      client_.Watch(Context::Background(), kSecrets,
                    {.selection = {.ns = "shop", .identity_only = true}, .resource_version = "1"},
                    [&](const WatchEvent& event) {
                      object = event.object;
                      return enough;
                    }),
      enough);
  EXPECT_EQ(object["metadata"]["name"], "config");
  EXPECT_FALSE(object.contains("data"));
  EXPECT_THAT(api_.seen()[0].headers, Contains(HasSubstr("as=PartialObjectMetadata;")));
}

}  // namespace
}  // namespace rbdcrypt::k8s
