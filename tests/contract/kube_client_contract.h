// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8s/client.h"
#include "k8s/objects.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {

// An API server with a client that may do everything in one namespace.
class KubeWorld {
 public:
  virtual ~KubeWorld() = default;

  virtual k8s::Client& client() = 0;

  // A namespace of this test's own; it exists.
  virtual std::string ns() = 0;

  // Puts a Secret there, since the client writes none. `data` is base64.
  virtual void PutSecret(const std::string& name, const Json& data) = 0;
};

struct KubeCase {
  std::string name;
  std::function<std::unique_ptr<KubeWorld>()> make;
};

inline void PrintTo(const KubeCase& value, std::ostream* out) {
  *out << value.name;
}

// What k8s/client.h promises, for the client over any API server: the fake one, or a real
// kube-apiserver. Include in one source of a test program and add, in namespace rbdcrypt::testing:
//
//   INSTANTIATE_TEST_SUITE_P(Fake, KubeClientContract,
//                            ::testing::Values(KubeCase{"fake", MakeWorld}),
//                            KubeClientContract::Name);
class KubeClientContract : public ::testing::TestWithParam<KubeCase> {
 public:
  static std::string Name(const ::testing::TestParamInfo<KubeCase>& info) {
    return info.param.name;
  }

 protected:
  KubeClientContract() : world_(GetParam().make()), ns_(world_->ns()) {}

  k8s::Client& client() { return world_->client(); }

  KubeWorld& world() { return *world_; }

  const Context& context() const { return context_; }

  k8s::ObjectName Named(const std::string& name) const { return {.ns = ns_, .name = name}; }

  Json ConfigMapOf(const std::string& name, const Json& data) const {
    return {{"apiVersion", "v1"},
            {"kind", "ConfigMap"},
            {"metadata", {{"name", name}, {"namespace", ns_}}},
            {"data", data}};
  }

  Result<Json> CreateMap(const std::string& name, const Json& data = {{"a", "1"}}) {
    return client().Create(context_, k8s::kConfigMaps, ConfigMapOf(name, data));
  }

  // The stored data, or null.
  Json DataOf(const std::string& name) {
    const Result<Json> object = client().Get(context_, k8s::kConfigMaps, Named(name));
    return object.ok() && object->contains("data") ? (*object)["data"] : Json();
  }

  Result<Json> ApplyMap(const std::string& name,
                        const Json& data,
                        const std::string& manager,
                        bool force = false) {
    return client().Patch(context_, k8s::kConfigMaps, Named(name), ConfigMapOf(name, data),
                          {.kind = k8s::PatchOptions::Kind::kApply,
                           .part = k8s::Part::kMain,
                           .field_manager = manager,
                           .force = force});
  }

  const std::string& ns() const { return ns_; }

 private:
  const Context context_ = Context::Background().WithTimeout(std::chrono::seconds(60));
  std::unique_ptr<KubeWorld> world_;
  std::string ns_;
};

TEST_P(KubeClientContract, GetOfNothingIsNotFoundAndNamesTheObject) {
  EXPECT_THAT(client().Get(context(), k8s::kConfigMaps, Named("absent")),
              StatusIs(Code::kNotFound, ::testing::HasSubstr("absent")));
}

TEST_P(KubeClientContract, CreateStoresWhatGetReturns) {
  ASSERT_OK_AND_ASSIGN(const Json created, CreateMap("one", {{"key", "value"}}));
  ASSERT_OK_AND_ASSIGN(const k8s::ObjectMeta meta, k8s::ParseMeta(created));
  EXPECT_NE(meta.uid, "");
  EXPECT_NE(meta.resource_version, "");
  EXPECT_TRUE(meta.created.has_value());
  EXPECT_THAT(client().Get(context(), k8s::kConfigMaps, Named("one")), IsOkAndHolds(created));
}

TEST_P(KubeClientContract, CreateOfTheSameNameIsAlreadyExists) {
  ASSERT_THAT(CreateMap("one"), IsOk());
  EXPECT_THAT(CreateMap("one", {{"b", "2"}}), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(DataOf("one"), Json({{"a", "1"}}));
}

TEST_P(KubeClientContract, CreateOfAnInvalidObjectIsInvalidArgument) {
  EXPECT_THAT(CreateMap(""), StatusIs(Code::kInvalidArgument));
}

TEST_P(KubeClientContract, UpdateReplacesTheVersionThatWasRead) {
  ASSERT_OK_AND_ASSIGN(Json object, CreateMap("one"));
  object["data"]["b"] = "2";
  ASSERT_OK_AND_ASSIGN(const Json updated,
                       client().Update(context(), k8s::kConfigMaps, object, k8s::Part::kMain));
  EXPECT_NE(updated["metadata"]["resourceVersion"], object["metadata"]["resourceVersion"]);
  EXPECT_EQ(DataOf("one"), Json({{"a", "1"}, {"b", "2"}}));
}

TEST_P(KubeClientContract, UpdateOfAnOldVersionIsAbortedAndChangesNothing) {
  ASSERT_OK_AND_ASSIGN(Json object, CreateMap("one"));
  Json other = object;
  other["data"]["b"] = "other";
  ASSERT_THAT(client().Update(context(), k8s::kConfigMaps, other, k8s::Part::kMain), IsOk());
  object["data"]["b"] = "mine";
  EXPECT_THAT(client().Update(context(), k8s::kConfigMaps, object, k8s::Part::kMain),
              StatusIs(Code::kAborted));
  EXPECT_EQ(DataOf("one")["b"], "other");
}

TEST_P(KubeClientContract, UpdateOfNothingIsNotFound) {
  ASSERT_OK_AND_ASSIGN(const Json object, CreateMap("one"));
  ASSERT_THAT(client().Delete(context(), k8s::kConfigMaps, Named("one"), {}), IsOk());
  EXPECT_THAT(client().Update(context(), k8s::kConfigMaps, object, k8s::Part::kMain),
              StatusIs(Code::kNotFound));
}

TEST_P(KubeClientContract, MergePatchLeavesOtherFieldsAndRemovesByNull) {
  ASSERT_THAT(CreateMap("one", {{"keep", "1"}, {"change", "1"}, {"drop", "1"}}), IsOk());
  const Json patch = {{"data", {{"change", "2"}, {"drop", nullptr}, {"add", "3"}}}};
  ASSERT_THAT(client().Patch(context(), k8s::kConfigMaps, Named("one"), patch, {}), IsOk());
  EXPECT_EQ(DataOf("one"), Json({{"keep", "1"}, {"change", "2"}, {"add", "3"}}));
}

TEST_P(KubeClientContract, MergePatchOfAnOldVersionIsAborted) {
  ASSERT_OK_AND_ASSIGN(const Json object, CreateMap("one"));
  const Json patch = {{"metadata", {{"resourceVersion", object["metadata"]["resourceVersion"]}}},
                      {"data", {{"a", "2"}}}};
  ASSERT_THAT(client().Patch(context(), k8s::kConfigMaps, Named("one"), patch, {}), IsOk());
  EXPECT_THAT(client().Patch(context(), k8s::kConfigMaps, Named("one"), patch, {}),
              StatusIs(Code::kAborted));
}

TEST_P(KubeClientContract, PatchOfNothingIsNotFound) {
  EXPECT_THAT(client().Patch(context(), k8s::kConfigMaps, Named("absent"), {{"data", {}}}, {}),
              StatusIs(Code::kNotFound));
}

TEST_P(KubeClientContract, ApplyCreatesAndChangesAndLeavesOthersFields) {
  ASSERT_THAT(ApplyMap("one", {{"a", "1"}}, "first"), IsOk());
  ASSERT_THAT(ApplyMap("one", {{"b", "1"}}, "second"), IsOk());
  ASSERT_THAT(ApplyMap("one", {{"a", "2"}}, "first"), IsOk());
  EXPECT_EQ(DataOf("one"), Json({{"a", "2"}, {"b", "1"}}));
}

TEST_P(KubeClientContract, ApplyTakesAwayWhatItsManagerSaysNoMore) {
  ASSERT_THAT(ApplyMap("one", {{"a", "1"}, {"b", "1"}}, "first"), IsOk());
  ASSERT_THAT(ApplyMap("one", {{"a", "1"}}, "first"), IsOk());
  EXPECT_EQ(DataOf("one"), Json({{"a", "1"}}));
}

TEST_P(KubeClientContract, ApplyOfAnothersFieldIsAbortedUnlessForced) {
  ASSERT_THAT(ApplyMap("one", {{"a", "1"}}, "first"), IsOk());
  EXPECT_THAT(ApplyMap("one", {{"a", "2"}}, "second"), StatusIs(Code::kAborted));
  EXPECT_EQ(DataOf("one")["a"], "1");
  EXPECT_THAT(ApplyMap("one", {{"a", "2"}}, "second", true), IsOk());
  EXPECT_EQ(DataOf("one")["a"], "2");
}

TEST_P(KubeClientContract, StatusAndTheRestAreWrittenApart) {
  const Json claim = {
      {"apiVersion", "v1"},
      {"kind", "PersistentVolumeClaim"},
      {"metadata", {{"name", "claim"}, {"namespace", ns()}}},
      {"spec",
       {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", "1Gi"}}}}}}}};
  ASSERT_THAT(client().Create(context(), k8s::kPersistentVolumeClaims, claim), IsOk());
  const Json patch = {{"metadata", {{"annotations", {{"note", "main"}}}}},
                      {"status", {{"phase", "Bound"}}}};
  k8s::PatchOptions options;
  ASSERT_OK_AND_ASSIGN(Json object, client().Patch(context(), k8s::kPersistentVolumeClaims,
                                                   Named("claim"), patch, options));
  ASSERT_OK_AND_ASSIGN(k8s::PersistentVolumeClaim read, k8s::ParsePersistentVolumeClaim(object));
  EXPECT_NE(read.phase, "Bound");
  EXPECT_EQ(read.meta.annotations["note"], "main");
  options.part = k8s::Part::kStatus;
  ASSERT_OK_AND_ASSIGN(object,
                       client().Patch(context(), k8s::kPersistentVolumeClaims, Named("claim"),
                                      {{"status", {{"phase", "Bound"}}}}, options));
  ASSERT_OK_AND_ASSIGN(read, k8s::ParsePersistentVolumeClaim(object));
  EXPECT_EQ(read.phase, "Bound");
}

TEST_P(KubeClientContract, DeleteRemovesAndRepeatedIsNotFound) {
  ASSERT_THAT(CreateMap("one"), IsOk());
  EXPECT_THAT(client().Delete(context(), k8s::kConfigMaps, Named("one"), {}), IsOk());
  EXPECT_THAT(client().Delete(context(), k8s::kConfigMaps, Named("one"), {}),
              StatusIs(Code::kNotFound));
}

TEST_P(KubeClientContract, DeleteKeepsToItsPreconditions) {
  ASSERT_OK_AND_ASSIGN(const Json object, CreateMap("one"));
  ASSERT_OK_AND_ASSIGN(const k8s::ObjectMeta meta, k8s::ParseMeta(object));
  const auto remove = [&](const k8s::DeleteOptions& options) {
    return client().Delete(context(), k8s::kConfigMaps, Named("one"), options);
  };
  EXPECT_THAT(remove({.uid = "00000000-0000-4000-8000-000000000000"}), StatusIs(Code::kAborted));
  EXPECT_THAT(remove({.resource_version = "1"}), StatusIs(Code::kAborted));
  EXPECT_THAT(remove({.uid = meta.uid,
                      .resource_version = meta.resource_version,
                      .propagation = "Background"}),
              IsOk());
}

TEST_P(KubeClientContract, ListSelectsByNamespaceLabelAndField) {
  for (const char* name : {"one", "two", "three"}) {
    Json object = ConfigMapOf(name, {{"a", "1"}});
    object["metadata"]["labels"] = {{"side", name == std::string("two") ? "left" : "right"}};
    ASSERT_THAT(client().Create(context(), k8s::kConfigMaps, object), IsOk());
  }
  const auto names = [&](const k8s::Selection& selection) {
    std::vector<std::string> found;
    const auto list = client().List(context(), k8s::kConfigMaps, selection);
    EXPECT_THAT(list, IsOk());
    for (const Json& item : list.ok() ? list->items : std::vector<Json>()) {
      found.push_back(k8s::ParseMeta(item)->name);
    }
    return found;
  };
  using ::testing::IsSupersetOf;
  using ::testing::UnorderedElementsAre;
  EXPECT_THAT(names({.ns = ns()}), IsSupersetOf({"one", "two", "three"}));
  EXPECT_THAT(names({}), IsSupersetOf({"one", "two", "three"}));
  EXPECT_THAT(names({.ns = ns(), .labels = "side=right"}), UnorderedElementsAre("one", "three"));
  EXPECT_THAT(names({.ns = ns(), .fields = "metadata.name=two"}), UnorderedElementsAre("two"));
}

TEST_P(KubeClientContract, WatchTellsWhatHappensAfterAList) {
  const k8s::Selection selection = {.ns = ns(), .labels = "watched=yes"};
  ASSERT_OK_AND_ASSIGN(const k8s::ObjectList list,
                       client().List(context(), k8s::kConfigMaps, selection));
  Json object = ConfigMapOf("one", {{"a", "1"}});
  object["metadata"]["labels"] = {{"watched", "yes"}};
  ASSERT_OK_AND_ASSIGN(object, client().Create(context(), k8s::kConfigMaps, object));
  object["data"]["a"] = "2";
  ASSERT_THAT(client().Update(context(), k8s::kConfigMaps, object, k8s::Part::kMain), IsOk());
  ASSERT_THAT(client().Delete(context(), k8s::kConfigMaps, Named("one"), {}), IsOk());
  std::vector<std::string> seen;
  const Status enough = Cancelled("seen enough");
  const Status status =
      client().Watch(context(), k8s::kConfigMaps,
                     {.selection = selection, .resource_version = list.resource_version},
                     [&](const k8s::WatchEvent& event) {
                       if (event.type == k8s::WatchEvent::Type::kBookmark) {
                         return OkStatus();
                       }
                       seen.push_back(std::to_string(static_cast<int>(event.type)) +
                                      event.object["data"]["a"].get<std::string>());
                       return seen.size() < 3 ? OkStatus() : enough;
                     });
  EXPECT_EQ(status, enough);
  EXPECT_THAT(seen, ::testing::ElementsAre("01", "12", "22"));
}

TEST_P(KubeClientContract, SecretsAreDecodedAndReadByNothingElse) {
  world().PutSecret("keys", {{"text", "c2VjcmV0"}, {"bytes", "AP8="}, {"empty", ""}});
  ASSERT_OK_AND_ASSIGN(const k8s::SecretObject secret,
                       client().GetSecret(context(), Named("keys")));
  EXPECT_EQ(secret.meta.name, "keys");
  EXPECT_EQ(secret.data.at("text").RevealText(), "secret");
  EXPECT_EQ(secret.data.at("bytes").RevealText(), std::string_view("\0\xFF", 2));
  EXPECT_TRUE(secret.data.at("empty").empty());
  EXPECT_THAT(client().GetSecret(context(), Named("absent")),
              StatusIs(Code::kNotFound, ::testing::HasSubstr("absent")));
  EXPECT_THAT(client().Get(context(), k8s::kSecrets, Named("keys")),
              StatusIs(Code::kInvalidArgument));
}

TEST_P(KubeClientContract, SecretsAreListedWithoutTheirContent) {
  world().PutSecret("keys", {{"text", "c2VjcmV0"}});
  ASSERT_OK_AND_ASSIGN(
      const k8s::ObjectList list,
      client().List(context(), k8s::kSecrets,
                    {.ns = ns(), .fields = "metadata.name=keys", .identity_only = true}));
  ASSERT_EQ(list.items.size(), 1U);
  EXPECT_EQ(list.items[0]["metadata"]["name"], "keys");
  EXPECT_EQ(list.items[0].dump().find("c2VjcmV0"), std::string::npos);
}

TEST_P(KubeClientContract, TokensAreMadeForServiceAccounts) {
  const Json account = {{"apiVersion", "v1"},
                        {"kind", "ServiceAccount"},
                        {"metadata", {{"name", "tenant"}, {"namespace", ns()}}}};
  ASSERT_THAT(client().Create(context(), k8s::kServiceAccounts, account), IsOk());
  ASSERT_OK_AND_ASSIGN(const k8s::ServiceAccountToken first,
                       client().RequestToken(context(), Named("tenant"), {}));
  EXPECT_FALSE(first.token.empty());
  EXPECT_GT(first.expires, k8s::WallTime());
  EXPECT_THAT(
      client().RequestToken(context(), Named("tenant"),
                            {.audiences = {"vault"}, .lifetime = std::chrono::seconds(1200)}),
      IsOk());
  EXPECT_THAT(client().RequestToken(context(), Named("absent"), {}), StatusIs(Code::kNotFound));
}

}  // namespace rbdcrypt::testing
