// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/vault_dek_store.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/contract/dek_store_contract.h"
#include "tests/support/status_matchers.h"
#include "tests/vault/vault_world.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

class Contracted final : public DekStoreWorld {
 public:
  explicit Contracted(const Json& more) {
    Json entry = VaultWorld::DriverEntry();
    entry.update(more);
    kms_ = *world_.Open(entry);
  }

  kms::DekStore& store() override { return *kms_->store(); }

  std::string NewVolume() override { return Cat("0001-0009-rook-ceph-volume-", ++volumes_); }

 private:
  VaultWorld world_;
  std::shared_ptr<kms::Kms> kms_;
  int volumes_ = 0;
};

DekStoreCase Case(std::string name, Json more) {
  return {std::move(name), [more = std::move(more)] { return std::make_unique<Contracted>(more); }};
}

INSTANTIATE_TEST_SUITE_P(
    Vault,
    DekStoreContract,
    ::testing::Values(Case("kv2", {{"vaultBackend", "kv-v2"}}),
                      Case("kv1", {{"vaultBackend", "kv"}, {"vaultBackendPath", "kv1"}}),
                      Case("kv2_probed", Json::object()),
                      Case("kv1_probed", {{"vaultBackendPath", "kv1/"}}),
                      Case("kv2_soft_delete",
                           {{"vaultBackend", "kv-v2"}, {"vaultDestroyKeys", "false"}})),
    DekStoreContract::Name);

constexpr const char* kVolume = "0001-volume";
constexpr const char* kPath = "secret/data/ceph-csi/0001-volume";

class VaultDekStoreTest : public ::testing::Test {
 protected:
  void Open(const Json& more = Json::object()) {
    Json entry = VaultWorld::DriverEntry();
    entry["vaultBackend"] = "kv-v2";
    entry.update(more);
    kms_ = *world_.Open(entry);
  }

  kms::DekStore& store() { return *kms_->store(); }

  Result<std::string> Create(std::string_view dek) {
    return store().Create(world_.context(), kVolume, Secret(dek));
  }

  Result<std::string> Replace(std::string_view version, std::string_view dek) {
    return store().Replace(world_.context(), kVolume, version, Secret(dek));
  }

  std::string Fetched() { return TextOf(store().Fetch(world_.context(), kVolume)); }

  VaultWorld world_;
  std::shared_ptr<kms::Kms> kms_;
};

TEST_F(VaultDekStoreTest, CreateWithoutAnAnswerIsSettledByTheStoreItself) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true});
  EXPECT_THAT(Create("k0"), IsOkAndHolds("1"));
  EXPECT_EQ(Fetched(), "k0");
}

TEST_F(VaultDekStoreTest, CreateOfWhichEveryAnswerIsLostIsReadBeforeItReturns) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 500, .acts = true}, 4);
  EXPECT_THAT(Create("k0"), IsOkAndHolds("1"));
}

TEST_F(VaultDekStoreTest, WriteThatNeverArrivedIsUnavailable) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0}, 4);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kUnavailable, HasSubstr("not stored so far")));
  EXPECT_EQ(Fetched(), "NOT_FOUND");
}

TEST_F(VaultDekStoreTest, WriteWhoseFateCannotBeReadSaysSo) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true}, 4);
  world_.vault.Inject(Cat("GET ", kPath), {.status = 503}, 4);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kUnavailable, HasSubstr("is not known")));
}

TEST_F(VaultDekStoreTest, ReplaceWithoutAnAnswerIsSettledToo) {
  Open();
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true}, 2);
  EXPECT_THAT(Replace(version, "k1"), IsOkAndHolds("2"));
  EXPECT_EQ(world_.vault.Stored("secret", "ceph-csi/0001-volume", 3), "");
}

TEST_F(VaultDekStoreTest, ConflictWithSomebodyElseIsNotTakenForOurOwn) {
  Open();
  world_.vault.Put2("secret", "ceph-csi/0001-volume", R"({"data":{"passphrase":"theirs"}})");
  EXPECT_THAT(Create("k0"), StatusIs(Code::kAlreadyExists));
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0});
  EXPECT_THAT(Create("k0"), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(Fetched(), "theirs");
}

TEST_F(VaultDekStoreTest, SoftDeletedDekIsSaidAndCreatedBesideIt) {
  Open({{"vaultDestroyKeys", "false"}});
  ASSERT_THAT(Create("k0"), IsOk());
  ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
  EXPECT_THAT(store().Fetch(world_.context(), kVolume),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("deleted"), HasSubstr("undelete"))));
  EXPECT_THAT(Create("k1"), IsOkAndHolds("2"));
  EXPECT_EQ(Fetched(), "k1");
}

TEST_F(VaultDekStoreTest, DestroyKeysRemovesMetadataAndSoftDeleteKeepsIt) {
  Open();
  ASSERT_THAT(Create("k0"), IsOk());
  ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
  EXPECT_EQ(world_.vault.Count("DELETE secret/metadata/ceph-csi/0001-volume"), 1);
  Open({{"vaultDestroyKeys", "false"}});
  ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
  EXPECT_EQ(world_.vault.Count(Cat("DELETE ", kPath)), 1);
}

TEST_F(VaultDekStoreTest, RemovePreviousDestroysAllOlderVersions) {
  Open();
  ASSERT_OK_AND_ASSIGN(std::string version, Create("k0"));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, "k1"));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, "k2"));
  ASSERT_THAT(store().RemovePrevious(world_.context(), kVolume), IsOk());
  EXPECT_EQ(world_.vault.Stored("secret", "ceph-csi/0001-volume", 1), "");
  EXPECT_EQ(world_.vault.Stored("secret", "ceph-csi/0001-volume", 2), "");
  EXPECT_EQ(Fetched(), "k2");
}

// Somebody deleted the current version by hand: an older one may be all that is left.
TEST_F(VaultDekStoreTest, RemovePreviousDestroysNothingWhereTheCurrentVersionIsDeleted) {
  Open({{"vaultDestroyKeys", "false"}});
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  ASSERT_THAT(Replace(version, "k1"), IsOk());
  ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
  EXPECT_THAT(store().RemovePrevious(world_.context(), kVolume),
              StatusIs(Code::kNotFound, HasSubstr("undelete it")));
  EXPECT_THAT(world_.vault.Stored("secret", "ceph-csi/0001-volume", 1), HasSubstr("k0"));
}

TEST_F(VaultDekStoreTest, StaleAnswerAfterAWriteIsNotBelieved) {
  Open();
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  world_.vault.Freeze();
  ASSERT_THAT(Replace(version, "k1"), IsOk());
  world_.vault.SetNode("https://vault:8200", FakeVault::NodeMode::kStale);
  EXPECT_THAT(store().Fetch(world_.context(), kVolume),
              StatusIs(Code::kUnavailable, HasSubstr("standby lags")));
  world_.vault.SetNode("https://vault:8200", FakeVault::NodeMode::kActive);
  EXPECT_EQ(Fetched(), "k1");
}

TEST_F(VaultDekStoreTest, DekThatWasRemovedIsMissingThoughItWasThereJustNow) {
  Open();
  ASSERT_THAT(Create("k0"), IsOk());
  world_.vault.Inject(Cat("GET ", kPath), {.status = 404, .body = R"({"errors":[]})"}, 6);
  EXPECT_THAT(store().Fetch(world_.context(), kVolume),
              StatusIs(Code::kNotFound, AllOf(HasSubstr(kPath), HasSubstr("removed"))));
  EXPECT_EQ(Fetched(), "k0");
}

TEST_F(VaultDekStoreTest, StandbyThatNeverHeardOfADekLeadsToNoOther) {
  Open();
  world_.vault.Freeze();
  ASSERT_THAT(Create("k0"), IsOk());
  world_.vault.SetNode("https://vault:8200", FakeVault::NodeMode::kStale);
  EXPECT_EQ(Fetched(), "NOT_FOUND");
  EXPECT_THAT(Create("k1"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(Replace("1", "k1"), IsOkAndHolds("2"));
  EXPECT_THAT(store().FetchPrevious(world_.context(), kVolume), StatusIs(Code::kUnavailable));
  EXPECT_THAT(store().RemovePrevious(world_.context(), kVolume), StatusIs(Code::kUnavailable));
  world_.vault.SetNode("https://vault:8200", FakeVault::NodeMode::kActive);
  EXPECT_EQ(Fetched(), "k1");
}

TEST_F(VaultDekStoreTest, FetchReadsTheActiveNodeOfSeveral) {
  Open({{"vaultAddress", "https://a:8200,https://b:8200"}});
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  world_.vault.Freeze();
  ASSERT_THAT(Replace(version, "k1"), IsOk());
  world_.vault.SetNode("https://a:8200", FakeVault::NodeMode::kStale);
  world_.vault.SetNode("https://b:8200", FakeVault::NodeMode::kActive);
  // Another process, which knows no versions.
  world_.Restart();
  Open({{"vaultAddress", "https://a:8200,https://b:8200"}});
  EXPECT_EQ(Fetched(), "k1");
}

TEST_F(VaultDekStoreTest, RemoveAsksTheActiveNodeOfSeveral) {
  world_.vault.SetNode("https://a:8200", FakeVault::NodeMode::kStale);
  world_.vault.SetNode("https://b:8200", FakeVault::NodeMode::kActive);
  for (const char* destroys : {"true", "false"}) {
    Open({{"vaultAddress", "https://a:8200,https://b:8200"}, {"vaultDestroyKeys", destroys}});
    ASSERT_THAT(Create("k0"), IsOk());
    ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
    EXPECT_EQ(world_.vault.seen().back().method, "DELETE");
    EXPECT_EQ(world_.vault.seen().back().node, "https://b:8200");
  }
}

TEST_F(VaultDekStoreTest, VersionWithoutItsDataIsDamageAfterSomeTries) {
  Open();
  world_.vault.Inject(Cat("GET ", kPath),
                      {.status = 500, .body = R"({"errors":["could not find version data"]})"}, 4);
  EXPECT_THAT(store().Fetch(world_.context(), kVolume), StatusIs(Code::kDataLoss));
  EXPECT_EQ(Fetched(), "NOT_FOUND");
}

TEST_F(VaultDekStoreTest, DekThatVanishesByItselfIsWarnedOf) {
  Open();
  ASSERT_THAT(Create("k0"), IsOk());
  world_.vault.SetDeletionTime("secret", "ceph-csi/0001-volume", "2027-01-01T00:00:00Z");
  EXPECT_EQ(Fetched(), "k0");
  EXPECT_THAT(world_.kube.warnings,
              Contains(AllOf(HasSubstr("2027-01-01"), HasSubstr("delete_version_after"))));
}

TEST_F(VaultDekStoreTest, CustomMetadataNamesClusterTenantAndVolumeWhereAskedFor) {
  Open({{"vaultCustomMetadata", "true"}});
  ASSERT_THAT(Create("k0"), IsOk());
  const Json metadata = world_.vault.CustomMetadata("secret", "ceph-csi/0001-volume");
  EXPECT_EQ(metadata, (Json{{"kms", "kms-1"},
                            {"cluster", "k8s-1"},
                            {"tenant", "tenant-a"},
                            {"pvc", "data-0"},
                            {"volume", "0001-volume"}}));
}

TEST_F(VaultDekStoreTest, CustomMetadataThatIsDeniedDoesNotFailTheCreate) {
  Open({{"vaultCustomMetadata", "true"}});
  world_.vault.Deny("secret/metadata/");
  EXPECT_THAT(Create("k0"), IsOk());
  EXPECT_THAT(world_.kube.warnings, Contains(HasSubstr("custom metadata")));
}

TEST_F(VaultDekStoreTest, ProbedMountThatChangedItsVersionIsLookedAtAnew) {
  Open({{"vaultBackend", ""}, {"vaultBackendPath", "kv1"}});
  ASSERT_THAT(Create("k0"), IsOk());
  world_.vault.AddMount("kv1", 2);
  EXPECT_THAT(store().Fetch(world_.context(), kVolume), StatusIs(Code::kUnavailable));
  EXPECT_EQ(Fetched(), "NOT_FOUND");
  EXPECT_EQ(world_.vault.Count("GET kv1/data/ceph-csi/0001-volume"), 1);
}

TEST_F(VaultDekStoreTest, ConfiguredVersionThatIsWrongNamesTheOption) {
  Open({{"vaultBackend", "kv"}});
  EXPECT_THAT(store().Fetch(world_.context(), kVolume),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultBackend")));
}

TEST_F(VaultDekStoreTest, SecretThatHoldsSomethingElseIsNotOverwritten) {
  Open();
  world_.vault.Put2("secret", "ceph-csi/0001-volume", R"({"mine":"x"})");
  EXPECT_EQ(Fetched(), "DATA_LOSS");
  EXPECT_THAT(Create("k0"), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(world_.vault.Stored("secret", "ceph-csi/0001-volume"), R"({"mine":"x"})");
}

TEST_F(VaultDekStoreTest, LostWriteWhoseRepeatNeedsALoginIsSettled) {
  Open();
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  // The first try is acted upon and its answer lost; then the token ends.
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true});
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 403});
  EXPECT_THAT(Replace(version, "k1"), IsOkAndHolds("2"));
}

TEST_F(VaultDekStoreTest, LostWriteIsReadEvenWhereTheLoginThenFails) {
  Open();
  ASSERT_THAT(Create("k0"), IsOk());
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true});
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 403});
  world_.vault.Inject("PUT auth/kubernetes/login", {.status = 503}, 4);
  EXPECT_THAT(Replace("1", "k1"), IsOkAndHolds("2"));
}

// "create" without "update": the repetition of a create that was acted upon is denied.
TEST_F(VaultDekStoreTest, LostWriteWhoseRepeatIsDeniedIsSettled) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0, .acts = true});
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 403}, 2);
  EXPECT_THAT(Create("k0"), IsOkAndHolds("1"));
}

// A refusal would say that nothing can land any more.
TEST_F(VaultDekStoreTest, RefusalAfterALostTryIsUnknown) {
  Open();
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 0});
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 403}, 2);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kUnavailable,
                                     AllOf(HasSubstr("was not stored so far"), HasSubstr("403"))));
  world_.vault.Inject(Cat("PUT ", kPath), {.status = 403}, 2);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kPermissionDenied));
}

TEST_F(VaultDekStoreTest, BelowAProbedMountTheDataLevelFollowsTheMount) {
  Open({{"vaultBackend", ""}, {"vaultBackendPath", "secret/team"}});
  ASSERT_THAT(Create("k0"), IsOk());
  EXPECT_NE(world_.vault.Stored("secret", "team/ceph-csi/0001-volume"), "");
}

class Kv1DekStoreTest : public VaultDekStoreTest {
 protected:
  Kv1DekStoreTest() { Open({{"vaultBackend", "kv"}, {"vaultBackendPath", "kv1"}}); }

  std::string At(const std::string& suffix) {
    return world_.vault.Stored("kv1", "ceph-csi/0001-volume" + suffix);
  }

  std::string Previous() { return TextOf(store().FetchPrevious(world_.context(), kVolume)); }
};

TEST_F(Kv1DekStoreTest, KeepsThePreviousDekBesideTheCurrent) {
  ASSERT_OK_AND_ASSIGN(std::string version, Create("k0"));
  EXPECT_EQ(At(""), R"({"data":{"passphrase":"k0"}})");
  ASSERT_OK_AND_ASSIGN(version, Replace(version, "k1"));
  EXPECT_EQ(At(".rbdcrypt-previous-a"), R"({"data":{"passphrase":"k0"}})");
  EXPECT_THAT(At(""), AllOf(HasSubstr(R"("data":{"passphrase":"k1"})"),
                            HasSubstr(R"("rbdcrypt-previous":"a")")));
  ASSERT_THAT(Replace(version, "k2"), IsOk());
  EXPECT_EQ(At(".rbdcrypt-previous-a"), "");
  EXPECT_EQ(At(".rbdcrypt-previous-b"), R"({"data":{"passphrase":"k1"}})");
  ASSERT_THAT(store().Remove(world_.context(), kVolume), IsOk());
  EXPECT_EQ(At(""), "");
  EXPECT_EQ(At(".rbdcrypt-previous-b"), "");
}

// The header of a volume that was rolled back answers to the previous DEK alone.
TEST_F(Kv1DekStoreTest, ReplaceThatStopsAnywhereLosesNeitherDek) {
  ASSERT_OK_AND_ASSIGN(std::string version, Create("k0"));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, "k1"));
  for (const char* request : {"PUT kv1/ceph-csi/0001-volume.rbdcrypt-previous-b",
                              "GET kv1/ceph-csi/0001-volume.rbdcrypt-previous-b"}) {
    world_.vault.Inject(request, {.status = 500}, 4);
    EXPECT_THAT(Replace(version, "k2"), StatusIs(Code::kUnavailable)) << request;
    EXPECT_EQ(Fetched(), "k1") << request;
    EXPECT_EQ(Previous(), "k0") << request;
    world_.Restart();
    Open({{"vaultBackend", "kv"}, {"vaultBackendPath", "kv1"}});
  }
  // The write of the new one itself: "b" is written by then. A try that repeats it finds it.
  int puts = 0;
  world_.vault.SetHook([&](const FakeVault::Seen& seen) {
    if (seen.method == "PUT" && seen.path == "kv1/ceph-csi/0001-volume" && ++puts == 1) {
      world_.vault.Inject("kv1/ceph-csi/0001-volume", {.status = 500}, 4);
    }
  });
  EXPECT_THAT(Replace(version, "k2"), StatusIs(Code::kUnavailable));
  EXPECT_EQ(Previous(), "k0");
  world_.Restart();
  Open({{"vaultBackend", "kv"}, {"vaultBackendPath", "kv1"}});
  ASSERT_THAT(Replace(version, "k2"), IsOk());
  EXPECT_EQ(Fetched(), "k2");
  EXPECT_EQ(Previous(), "k1");
}

TEST_F(Kv1DekStoreTest, SecretThatCephCsiWroteAnewHasNoPrevious) {
  ASSERT_OK_AND_ASSIGN(const std::string version, Create("k0"));
  ASSERT_THAT(Replace(version, "k1"), IsOk());
  world_.vault.Put1("kv1", "ceph-csi/0001-volume", R"({"data":{"passphrase":"theirs"}})");
  EXPECT_EQ(Previous(), "NOT_FOUND");
}

// A refusal would say that nothing can land any more.
TEST_F(Kv1DekStoreTest, RefusalAfterALostTryIsUnknown) {
  world_.vault.Inject("PUT kv1/ceph-csi/0001-volume", {.status = 0});
  world_.vault.Inject("PUT kv1/ceph-csi/0001-volume", {.status = 403}, 2);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kUnavailable,
                                     AllOf(HasSubstr("was not stored so far"), HasSubstr("403"))));
  world_.vault.Inject("PUT kv1/ceph-csi/0001-volume", {.status = 403}, 2);
  EXPECT_THAT(Create("k0"), StatusIs(Code::kPermissionDenied));
}

TEST_F(Kv1DekStoreTest, SettlesALostAnswerByReading) {
  world_.vault.Inject("PUT kv1/ceph-csi/0001-volume", {.status = 0, .acts = true}, 4);
  EXPECT_THAT(Create("k0"), IsOk());
  EXPECT_FALSE(store().CanCompareAndSet());
}

}  // namespace
}  // namespace rbdcrypt::testing
