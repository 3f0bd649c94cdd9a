// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/metadata.h"

#include <fstream>
#include <span>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

Result<std::shared_ptr<Kms>> Build(const Json& options,
                                   std::string_view passphrase,
                                   k8s::Client* kubernetes = nullptr,
                                   const std::string& tenant = "") {
  RequestSecrets secrets;
  if (!passphrase.empty()) {
    secrets.emplace("encryptionPassphrase", Secret(passphrase));
  }
  const ConfigEntry entry{.id = "my-kms", .provider = "metadata", .options = options};
  return MetadataProvider(std::make_shared<ScryptGate>(1), kubernetes)(
      Context::Background(), entry, {.kms_id = "my-kms", .tenant = tenant, .secrets = secrets});
}

Json Vectors() {
  std::ifstream file(RBDCRYPT_VECTORS "/kms/metadata.json");
  return Json::parse(file);
}

TEST(MetadataTest, SaysWhatItIs) {
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(Json::object(), "passphrase"));
  EXPECT_EQ(kms->id(), "my-kms");
  EXPECT_EQ(kms->provider(), "metadata");
  EXPECT_EQ(kms->dek_bytes(), 20U);
}

TEST(MetadataTest, UnwrapsWhatCephCsiWrote) {
  const Json vectors = Vectors();
  ASSERT_EQ(vectors.size(), 4U);
  for (const Json& vector : vectors) {
    ASSERT_OK_AND_ASSIGN(const auto kms,
                         Build(Json::object(), vector["passphrase"].get<std::string>()));
    ASSERT_OK_AND_ASSIGN(
        const Secret dek,
        kms->wrapper()->UnwrapDek(Context::Background(), vector["volume"].get<std::string>(),
                                  vector["wrapped"].get<std::string>()));
    EXPECT_EQ(dek.RevealText(), vector["dek"].get<std::string>()) << vector["name"];
  }
}

TEST(MetadataTest, WritesTextsOfCephCsisShape) {
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(Json::object(), "passphrase"));
  ASSERT_OK_AND_ASSIGN(
      const std::string wrapped,
      kms->wrapper()->WrapDek(Context::Background(), "v", Secret("1Aew-uiJX9w8EmFvVULdZ0G5PXw=")));
  // 44 and 12 bytes (ceph-csi-compat 6.10).
  EXPECT_THAT(wrapped, ::testing::MatchesRegex(
                           R"(\{"dek":"[A-Za-z0-9+/]{59}=","nonce":"[A-Za-z0-9+/]{16}"\})"));
}

TEST(MetadataTest, AWrongPassphraseIsNamedAsTheFirstSuspect) {
  const Json vector = Vectors()[1];
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(Json::object(), "changed since"));
  EXPECT_THAT(kms->wrapper()->UnwrapDek(Context::Background(), vector["volume"].get<std::string>(),
                                        vector["wrapped"].get<std::string>()),
              StatusIs(Code::kDataLoss, AllOf(HasSubstr("01342aff-9cf3"), HasSubstr("\"my-kms\""),
                                              HasSubstr("passphrase is not the one"))));
}

TEST(MetadataTest, TheSecretIsMissedOnlyWhenADekIsNeeded) {
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(Json::object(), ""));
  EXPECT_THAT(kms->wrapper()->WrapDek(Context::Background(), "v", Secret("dek")),
              StatusIs(Code::kNotFound, HasSubstr("encryptionPassphrase")));
  EXPECT_THAT(kms->wrapper()->UnwrapDek(Context::Background(), "v",
                                        Vectors()[0]["wrapped"].get<std::string>()),
              StatusIs(Code::kNotFound, HasSubstr("encryptionPassphrase")));
}

TEST(MetadataTest, DamageIsTheSameErrorWithoutTheSecret) {
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(Json::object(), ""));
  EXPECT_THAT(kms->wrapper()->UnwrapDek(Context::Background(), "v", "{}"),
              StatusIs(Code::kDataLoss, AllOf(HasSubstr("volume v"), HasSubstr("\"my-kms\""))));
}

TEST(MetadataTest, ASecretOfKubernetesIsRefusedByNameNotReplaced) {
  EXPECT_THAT(Build({{"secretName", "storage-encryption-secret"}, {"secretNamespace", "ceph"}},
                    "the request's passphrase"),
              StatusIs(Code::kUnimplemented, AllOf(HasSubstr("\"my-kms\""), HasSubstr("secretName"),
                                                   HasSubstr("encryptionPassphrase"))));
}

// A cluster with the Secret of tenant "shop", whose passphrase is that of a recorded volume.
struct KubeWorld {
  KubeWorld() { Put("shop", vector["passphrase"].get<std::string>()); }

  void Put(const std::string& ns, const std::string& passphrase) {
    api.Put(
        k8s::kSecrets, {.ns = ns, .name = "storage-encryption-secret"},
        {{"kind", "Secret"},
         {"apiVersion", "v1"},
         {"data", {{"encryptionPassphrase", Base64Encode(std::as_bytes(std::span(passphrase)))}}}});
  }

  Result<Secret> Unwrap(const Json& options, const std::string& tenant) {
    ASSIGN_OR_RETURN(const auto kms, Build(options, "the request's passphrase", &client, tenant));
    return kms->wrapper()->UnwrapDek(Context::Background(), vector["volume"].get<std::string>(),
                                     vector["wrapped"].get<std::string>());
  }

  const Json vector = Vectors()[0];
  testing::FakeKubeApi api;
  k8s::RestClient client{api};
};

TEST(MetadataTest, TheTenantsSecretIsReadWhenItIsNeeded) {
  KubeWorld world;
  const Json options = {{"secretName", "storage-encryption-secret"}};
  ASSERT_OK_AND_ASSIGN(const auto kms, Build(options, "", &world.client, "shop"));
  EXPECT_EQ(world.api.Count("GET", "api/v1/namespaces/shop/secrets"), 0U);
  ASSERT_OK_AND_ASSIGN(const Secret dek, world.Unwrap(options, "shop"));
  EXPECT_EQ(dek.RevealText(), world.vector["dek"].get<std::string>());
  EXPECT_EQ(world.api.Count("GET", "api/v1/namespaces/shop/secrets"), 1U);
}

TEST(MetadataTest, TheEntrysNamespaceGoesBeforeTheTenants) {
  KubeWorld world;
  world.Put("bakery", "another passphrase");
  const Json options = {{"secretName", "storage-encryption-secret"}, {"secretNamespace", "shop"}};
  EXPECT_THAT(world.Unwrap(options, "bakery"), IsOk());
}

TEST(MetadataTest, AnotherTenantsOrTheRequestsPassphraseIsNeverTakenInstead) {
  KubeWorld world;
  const Json options = {{"secretName", "storage-encryption-secret"}};
  EXPECT_THAT(world.Unwrap(options, "bakery"),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("\"my-kms\""), HasSubstr("bakery"),
                                              HasSubstr("storage-encryption-secret"))));
  EXPECT_THAT(world.Unwrap(options, ""),
              StatusIs(Code::kInvalidArgument, HasSubstr("--extra-create-metadata")));
}

TEST(MetadataTest, ASecretWithoutThePassphraseIsNamed) {
  KubeWorld world;
  world.api.Put(k8s::kSecrets, {.ns = "shop", .name = "other"},
                {{"kind", "Secret"}, {"apiVersion", "v1"}, {"data", {{"key", "eA=="}}}});
  EXPECT_THAT(
      world.Unwrap({{"secretName", "other"}}, "shop"),
      StatusIs(Code::kNotFound, AllOf(HasSubstr("shop/other"), HasSubstr("encryptionPassphrase"))));
}

TEST(MetadataTest, OptionsOfAnotherTypeAreNamed) {
  EXPECT_THAT(
      Build({{"secretName", 7}}, "p"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"my-kms\""), HasSubstr("secretName"))));
  EXPECT_THAT(Build({{"secretNamespace", true}}, "p"),
              StatusIs(Code::kInvalidArgument, HasSubstr("secretNamespace")));
}

}  // namespace
}  // namespace rbdcrypt::kms
