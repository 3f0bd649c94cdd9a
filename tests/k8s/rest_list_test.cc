// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using testing::FakeClock;
using testing::FakeHttpClient;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using testing::StatusIs;

class RestListTest : public ::testing::Test {
 protected:
  // A little more than two pages.
  static constexpr std::size_t kObjects = 1003;

  void PutObjects() {
    for (std::size_t i = 0; i < kObjects; ++i) {
      api_.Put(kConfigMaps, {.ns = "shop", .name = Cat("map-", i)}, {{"data", {{"i", Cat(i)}}}});
    }
    api_.ClearSeen();
  }

  Result<ObjectList> List(const Selection& selection = {}) {
    return client_.List(context_, kConfigMaps, selection);
  }

  std::vector<std::string> Targets() {
    std::vector<std::string> targets;
    for (const auto& seen : api_.seen()) {
      targets.push_back(seen.target);
    }
    return targets;
  }

  FakeKubeApi api_;
  FakeClock clock_;
  RestClient client_{api_};
  const Context context_{{.clock = &clock_}};
};

TEST_F(RestListTest, PagesOf500AreJoined) {
  PutObjects();
  ASSERT_OK_AND_ASSIGN(const ObjectList list, List());
  EXPECT_EQ(list.items.size(), kObjects);
  std::set<std::string> names;
  for (const Json& item : list.items) {
    names.insert(item["metadata"]["name"]);
  }
  EXPECT_EQ(names.size(), kObjects);
  const auto targets = Targets();
  ASSERT_EQ(targets.size(), 3U);
  EXPECT_EQ(targets[0], "api/v1/configmaps?limit=500");
  EXPECT_THAT(targets[2], HasSubstr("&continue="));
}

TEST_F(RestListTest, SelectorsGoWithEachPage) {
  PutObjects();
  ASSERT_OK_AND_ASSIGN(const ObjectList list,
                       List({.ns = "shop", .fields = "metadata.name=map-7"}));
  ASSERT_EQ(list.items.size(), 1U);
  EXPECT_EQ(Targets()[0],
            "api/v1/namespaces/shop/configmaps?fieldSelector=metadata.name%3Dmap-7&limit=500");
}

TEST_F(RestListTest, AnEmptyListHasAVersionToWatchFrom) {
  ASSERT_OK_AND_ASSIGN(const ObjectList list, List());
  EXPECT_TRUE(list.items.empty());
  EXPECT_NE(list.resource_version, "");
}

// Expires every continue token from the second page on, so often.
class ForgetfulHttp final : public net::HttpClient {
 public:
  ForgetfulHttp(FakeKubeApi& api, int times) : api_(api), times_(times) {}

  Result<net::HttpAnswer> Send(const Context& context, const net::HttpRequest& request) override {
    if (request.target.find("continue=") != std::string::npos && times_-- > 0) {
      api_.ForgetHistory();
    }
    return api_.Send(context, request);
  }

  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) override {
    return api_.Stream(context, request, sink);
  }

  const std::string& address() const override { return api_.address(); }

 private:
  FakeKubeApi& api_;
  int times_;
};

TEST_F(RestListTest, AnExpiredPageStartsTheListOver) {
  PutObjects();
  ForgetfulHttp http(api_, 1);
  RestClient client(http);
  ASSERT_OK_AND_ASSIGN(const ObjectList list, client.List(context_, kConfigMaps, {}));
  EXPECT_EQ(list.items.size(), kObjects);
  EXPECT_EQ(Targets().size(), 1 + 1 + 3U);
}

TEST_F(RestListTest, PagesThatKeepExpiringAreAskedForAtOnce) {
  PutObjects();
  ForgetfulHttp http(api_, 100);
  RestClient client(http);
  ASSERT_OK_AND_ASSIGN(const ObjectList list, client.List(context_, kConfigMaps, {}));
  EXPECT_EQ(list.items.size(), kObjects);
  EXPECT_EQ(Targets().size(), 2 + 2 + 1U);
  EXPECT_EQ(Targets().back(), "api/v1/configmaps");
}

TEST_F(RestListTest, GoneWithoutAPageIsTheCallersMatter) {
  api_.Fail({.status = 410});
  EXPECT_TRUE(IsExpired(List().status()));
}

TEST_F(RestListTest, IdentitiesArePagedToo) {
  PutObjects();
  ASSERT_OK_AND_ASSIGN(const ObjectList list, List({.identity_only = true}));
  EXPECT_EQ(list.items.size(), kObjects);
  EXPECT_FALSE(list.items[0].contains("data"));
  EXPECT_NE(list.items[0]["metadata"]["uid"], "");
  EXPECT_THAT(api_.seen()[0].headers,
              ::testing::Contains(HasSubstr("as=PartialObjectMetadataList")));
}

TEST_F(RestListTest, AnUnservedTypeIsNotFound) {
  api_.Unserve("configmaps");
  EXPECT_THAT(List(), StatusIs(Code::kNotFound, HasSubstr("list configmaps")));
}

TEST_F(RestListTest, WhatIsNoListIsAnError) {
  for (const bool identity_only : {false, true}) {
    for (const char* body :
         {"", "s3cr3t", "[]", "{}", R"({"metadata":{"resourceVersion":7}})",
          R"({"metadata":{"resourceVersion":"7","continue":1}})", R"({"metadata":"s3cr3t"})"}) {
      FakeHttpClient http([&](const auto&) { return FakeHttpClient::Answer(200, body); });
      RestClient client(http);
      EXPECT_THAT(client.List(context_, kConfigMaps, {.identity_only = identity_only}),
                  StatusIs(Code::kInternal, ::testing::Not(HasSubstr("s3cr3t"))))
          << body;
    }
  }
}

TEST_F(RestListTest, ItemsThatAreNoneAreAnError) {
  FakeHttpClient http([](const auto&) {
    return FakeHttpClient::Answer(200, R"({"metadata":{"resourceVersion":"7"},"items":{"a":1}})");
  });
  RestClient client(http);
  EXPECT_THAT(client.List(context_, kConfigMaps, {}), StatusIs(Code::kInternal));
  EXPECT_THAT(client.List(context_, kConfigMaps, {.identity_only = true}),
              StatusIs(Code::kInternal));
}

TEST_F(RestListTest, NullItemsAreNone) {
  FakeHttpClient http([](const auto&) {
    return FakeHttpClient::Answer(200, R"({"metadata":{"resourceVersion":"7"},"items":null})");
  });
  RestClient client(http);
  for (const bool identity_only : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const ObjectList list,
                         client.List(context_, kConfigMaps, {.identity_only = identity_only}));
    EXPECT_TRUE(list.items.empty());
  }
}

TEST_F(RestListTest, WithoutItemsItIsNoListAndNotAnEmptyOne) {
  FakeHttpClient http([](const auto&) {
    return FakeHttpClient::Answer(200, R"({"kind":"Other","metadata":{"resourceVersion":"7"}})");
  });
  RestClient client(http);
  EXPECT_THAT(client.List(context_, kConfigMaps, {}),
              StatusIs(Code::kInternal, HasSubstr("items")));
  EXPECT_THAT(client.List(context_, kConfigMaps, {.identity_only = true}),
              StatusIs(Code::kInternal));
}

TEST_F(RestListTest, PagesWithoutEndAreAnError) {
  FakeHttpClient http([](const auto&) {
    return FakeHttpClient::Answer(
        200, R"({"metadata":{"resourceVersion":"7","continue":"again"},"items":[]})");
  });
  const RestSender sender(http, nullptr, {});
  const ApiCall call = {.verb = "list", .resource = kConfigMaps, .name = {}, .part = ""};
  EXPECT_THAT(ListPages(context_, sender, call, {}, 10'000),
              StatusIs(Code::kInternal, HasSubstr("longer than 10000 bytes")));
}

// Answers as a server does whose answers may be public, and notes which were.
class NotingHttp final : public net::HttpClient {
 public:
  explicit NotingHttp(net::HttpClient& server) : server_(server) {}

  Result<net::HttpAnswer> Send(const Context& context, const net::HttpRequest& request) override {
    is_public = request.has_public_answer;
    ASSIGN_OR_RETURN(net::HttpAnswer answer, server_.Send(context, request));
    if (is_public) {
      answer.text = answer.body.RevealText();
      answer.body = Secret();
    }
    return answer;
  }

  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) override {
    is_public = request.has_public_answer;
    return server_.Stream(context, request, sink);
  }

  const std::string& address() const override { return server_.address(); }

  bool is_public = false;

 private:
  net::HttpClient& server_;
};

TEST_F(RestListTest, OnlyAnswersAboutSecretsAreSecret) {
  PutObjects();
  NotingHttp http(api_);
  RestClient client(http);
  ASSERT_OK_AND_ASSIGN(const ObjectList list, client.List(context_, kConfigMaps, {}));
  EXPECT_EQ(list.items.size(), kObjects);
  EXPECT_TRUE(http.is_public);
  ASSERT_OK_AND_ASSIGN(const ObjectList identities,
                       client.List(context_, kConfigMaps, {.identity_only = true}));
  EXPECT_EQ(identities.items.size(), kObjects);
  EXPECT_THAT(client.List(context_, kSecrets, {.identity_only = true}), testing::IsOk());
  EXPECT_FALSE(http.is_public);
  EXPECT_THAT(client.Get(context_, kConfigMaps, {"shop", "map-1"}), testing::IsOk());
  EXPECT_TRUE(http.is_public);
  EXPECT_THAT(client.Get(context_, kConfigMaps, {"shop", "absent"}),
              StatusIs(Code::kNotFound, HasSubstr("\"absent\" not found")));
  EXPECT_THAT(client.GetSecret(context_, {"shop", "absent"}), StatusIs(Code::kNotFound));
  EXPECT_FALSE(http.is_public);
  const Status enough = Cancelled("enough");
  EXPECT_EQ(client.Watch(context_, kConfigMaps, {.resource_version = "1"},
                         [&](const WatchEvent&) { return enough; }),
            enough);
  EXPECT_TRUE(http.is_public);
  EXPECT_THAT(client.RequestToken(context_, {"shop", "absent"}, {}), StatusIs(Code::kNotFound));
  EXPECT_FALSE(http.is_public);
}

}  // namespace
}  // namespace rbdcrypt::k8s
