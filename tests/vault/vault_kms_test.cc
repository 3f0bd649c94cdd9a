// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/vault_kms.h"

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/vault/vault_world.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kVolume = "0001-volume";

std::string Pem(std::string_view name) {
  return Cat("-----BEGIN CERTIFICATE-----\n", name, "\n-----END CERTIFICATE-----\n");
}

class VaultKmsTest : public ::testing::Test {
 protected:
  Result<std::string> Create(const Json& options, std::string_view dek = "k0") {
    ASSIGN_OR_RETURN(const auto kms, world_.Open(options));
    return kms->store()->Create(world_.context(), kVolume, Secret(dek));
  }

  Result<kms::StoredDek> Fetch(const Json& options, const std::string& volume = kVolume) {
    ASSIGN_OR_RETURN(const auto kms, world_.Open(options));
    return kms->store()->Fetch(world_.context(), volume);
  }

  Status Remove(const Json& options) {
    ASSIGN_OR_RETURN(const auto kms, world_.Open(options));
    return kms->store()->Remove(world_.context(), kVolume);
  }

  static Json With(Json options, const Json& more) {
    options.update(more);
    return options;
  }

  VaultWorld world_;
};

TEST_F(VaultKmsTest, OpeningAsksNobody) {
  ASSERT_OK_AND_ASSIGN(const auto kms, world_.Open(VaultWorld::ServiceAccountEntry()));
  EXPECT_EQ(kms->id(), "kms-1");
  EXPECT_EQ(kms->provider(), "vaulttenantsa");
  EXPECT_EQ(kms->dek_bytes(), 20U);
  EXPECT_THAT(world_.vault.seen(), IsEmpty());
  EXPECT_THAT(world_.kube.token_requests, IsEmpty());
}

TEST_F(VaultKmsTest, FindsWhatCephCsiStoredUnderItsRecordedEntries) {
  std::ifstream file(RBDCRYPT_VECTORS "/vault/recorded.json");
  const Json recorded = Json::parse(file);
  int found = 0;
  for (const auto& [path, data] : recorded["prepared"].items()) {
    const std::size_t slash = path.rfind('/');
    const std::string volume = path.substr(slash + 1);
    std::string entry = "vaulttokens-kv1";
    if (path.starts_with("kv1/")) {
      world_.vault.Put1("kv1", path.substr(4), data.dump());
    } else {
      world_.vault.Put2("secret", path.substr(12), data["data"].dump());
      entry = path.find("ceph-csi/") != std::string::npos ? "vault-kv2" : "tenantsa";
    }
    const Json& stored = entry == "vaulttokens-kv1" ? data : data["data"];
    EXPECT_EQ(TextOf(Fetch(recorded["entries"][entry], volume)),
              stored["data"]["passphrase"].get<std::string>())
        << entry;
    ++found;
  }
  EXPECT_EQ(found, 3);
}

TEST_F(VaultKmsTest, NamespaceIsAPrefixOfSecretsAndAHeaderOfLogins) {
  world_.vault.AddNamespace("ns1");
  world_.vault.AddMount("ns1/secret", 2);
  world_.vault.AddRole("ns1", "kubernetes", "csi-kubernetes", {.jwts = {"jwt-of-driver"}});
  ASSERT_THAT(Create(With(VaultWorld::DriverEntry(), {{"vaultNamespace", "ns1"}})), IsOk());
  const auto seen = world_.vault.seen();
  EXPECT_EQ(seen.at(0).path, "auth/kubernetes/login");
  EXPECT_EQ(seen.at(0).ns, "ns1");
  EXPECT_EQ(seen.at(1).path, "sys/internal/ui/mounts/secret");
  EXPECT_EQ(seen.at(1).ns, "ns1");
  EXPECT_EQ(seen.at(2).path, "ns1/secret/data/ceph-csi/0001-volume");
  EXPECT_EQ(seen.at(2).ns, "");
}

TEST_F(VaultKmsTest, DistinctAuthNamespaceWorksWhereverTheLoginIs) {
  world_.vault.AddNamespace("org");
  world_.vault.AddNamespace("org/team");
  world_.vault.AddMount("org/team/secret", 2);
  const Json entry = With(
      VaultWorld::DriverEntry(),
      {{"vaultNamespace", "org/team"}, {"vaultAuthNamespace", "org"}, {"vaultBackend", "kv-v2"}});
  // As documented: the login is mounted above the secrets only.
  world_.vault.AddRole("org", "kubernetes", "csi-kubernetes", {.jwts = {"jwt-of-driver"}});
  EXPECT_THAT(Create(entry), IsOk());
  // As ceph-csi really needs it: in the namespace of the secrets.
  world_.Restart();
  world_.vault.AddRole("org/team", "kubernetes", "csi-kubernetes", {.jwts = {"jwt-of-driver"}});
  EXPECT_EQ(TextOf(Fetch(entry)), "k0");
  EXPECT_EQ(world_.vault.seen().back().token, "hvs.2");
}

TEST_F(VaultKmsTest, OneLoginServesAllVolumesOfAnIdentity) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Fetch(VaultWorld::DriverEntry()), StatusIs(Code::kNotFound));
  }
  EXPECT_EQ(world_.vault.Count("/login"), 1);
  EXPECT_EQ(world_.vault.Count("ui/mounts"), 1);
}

TEST_F(VaultKmsTest, TenantsShareNoLogin) {
  world_.kube.service_accounts["tenant-b/ceph-csi-vault-sa"] = {};
  world_.vault.AddRole(
      "", "kubernetes", "csi-kubernetes",
      {.jwts = {"jwt-of-tenant-a-ceph-csi-vault-sa", "jwt-of-tenant-b-ceph-csi-vault-sa"}});
  ASSERT_THAT(Create(VaultWorld::ServiceAccountEntry()), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto other,
                       world_.Open(VaultWorld::ServiceAccountEntry(), "tenant-b"));
  EXPECT_THAT(other->store()->Fetch(world_.context(), kVolume), IsOk());
  EXPECT_EQ(world_.vault.Count("/login"), 2);
}

TEST_F(VaultKmsTest, ExpiredTokenLeadsToOneNewLoginAndOneRepeat) {
  ASSERT_THAT(Create(VaultWorld::DriverEntry()), IsOk());
  world_.vault.DropToken("hvs.1");
  EXPECT_EQ(TextOf(Fetch(VaultWorld::DriverEntry())), "k0");
  EXPECT_EQ(world_.vault.Count("/login"), 2);
}

TEST_F(VaultKmsTest, MissingPolicyNamesEntryIdentityPathAndStep) {
  world_.vault.Deny("secret/data/");
  EXPECT_THAT(
      Fetch(VaultWorld::DriverEntry()),
      StatusIs(Code::kPermissionDenied,
               AllOf(HasSubstr("KMS \"kms-1\""), HasSubstr("secret/data/ceph-csi/0001-volume"),
                     HasSubstr("role csi-kubernetes of auth/kubernetes"), HasSubstr("\"read\""),
                     HasSubstr("policy"))));
  EXPECT_EQ(world_.vault.Count("/login"), 2);
}

TEST_F(VaultKmsTest, ExpiredTenantTokenIsToldFromAMissingPolicy) {
  const Json entry = With(VaultWorld::TokensEntry(), {{"vaultBackend", "kv-v2"}});
  world_.vault.Deny("secret/data/");
  EXPECT_THAT(Fetch(entry), StatusIs(Code::kPermissionDenied, HasSubstr("no policy")));
  world_.vault.DropToken("token-a");
  EXPECT_THAT(Fetch(entry),
              StatusIs(Code::kPermissionDenied,
                       AllOf(HasSubstr("has ended"), HasSubstr("tenant-a/ceph-csi-kms-token"))));
}

TEST_F(VaultKmsTest, TenantTokenThatMayNotLookItselfUpIsNotSimplyCalledEnded) {
  const Json entry = With(VaultWorld::TokensEntry(), {{"vaultBackend", "kv-v2"}});
  world_.vault.Deny("secret/data/");
  world_.vault.Deny("auth/token/lookup-self");
  EXPECT_THAT(Fetch(entry),
              StatusIs(Code::kPermissionDenied,
                       AllOf(HasSubstr("\"read\" on that path"), HasSubstr("lookup-self"))));
}

TEST_F(VaultKmsTest, CallsThatLackARightDoNotLogInEach) {
  const Json entry = With(VaultWorld::DriverEntry(), {{"vaultBackend", "kv-v2"}});
  world_.vault.Deny("secret/data/");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Fetch(entry), StatusIs(Code::kPermissionDenied, HasSubstr("no policy")));
  }
  EXPECT_EQ(world_.vault.Count("/login"), 2);
}

TEST_F(VaultKmsTest, NewTenantTokenIsTakenUpWithinACall) {
  const Json entry = With(VaultWorld::TokensEntry(), {{"vaultBackend", "kv-v2"}});
  ASSERT_THAT(Create(entry), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto kms, world_.Open(entry));
  ASSERT_THAT(kms->store()->Fetch(world_.context(), kVolume), IsOk());
  world_.vault.DropToken("token-a");
  world_.vault.AddToken("token-b");
  world_.kube.secrets["tenant-a/ceph-csi-kms-token"]["token"] = "token-b";
  EXPECT_EQ(TextOf(kms->store()->Fetch(world_.context(), kVolume)), "k0");
}

TEST_F(VaultKmsTest, MissingMountAndMissingSecretAreDifferentErrors) {
  EXPECT_THAT(Fetch(With(VaultWorld::DriverEntry(),
                         {{"vaultBackend", "kv-v2"}, {"vaultBackendPath", "nothing"}})),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("no KV engine"), HasSubstr("vaultBackendPath"))));
  EXPECT_THAT(Fetch(With(VaultWorld::DriverEntry(), {{"vaultBackendPath", "nothing"}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("nothing is mounted")));
  EXPECT_THAT(Fetch(VaultWorld::DriverEntry()),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("KMS \"kms-1\""), HasSubstr(kVolume),
                                              HasSubstr("secret/data/ceph-csi/0001-volume"))));
}

TEST_F(VaultKmsTest, MountsAreListedWhereTheFirstQuestionIsDenied) {
  world_.vault.Deny("sys/internal/");
  EXPECT_THAT(Create(VaultWorld::DriverEntry()), IsOk());
  EXPECT_EQ(world_.vault.Count("GET sys/mounts"), 1);
  world_.Restart();
  world_.vault.Deny("sys/mounts");
  EXPECT_THAT(Fetch(VaultWorld::DriverEntry()),
              StatusIs(Code::kPermissionDenied, HasSubstr("vaultBackend")));
}

// One seat; the fetch of "first" keeps it until a fetch of either kind waits for it.
class VaultSeatTest : public VaultKmsTest {
 protected:
  VaultSeatTest() {
    world_.family = std::make_shared<vault::VaultFamily>(vault::VaultFamily::Options{
        .http = world_.vault.Factory(), .token_file = world_.token_file, .server = {.seats = 1}});
    EXPECT_THAT(Create(entry_.options), IsOk());
    world_.vault.SetHook([this](const FakeVault::Seen& seen) {
      while (seen.path.ends_with("/first") && !BothWait()) {
        std::this_thread::yield();
      }
    });
  }

  std::thread Fetching(kms::Urgency urgency, const std::string& volume) {
    return std::thread([this, urgency, volume] {
      const kms::Provider made =
          vault::MakeProvider(world_.family, vault::Flavour::kDriver, urgency);
      const auto kms =
          made.open(world_.context(), entry_,
                    {.kms_id = "kms-1", .tenant = "", .secrets = world_.request_secrets});
      EXPECT_THAT((*kms)->store()->Fetch(world_.context(), volume), StatusIs(Code::kNotFound));
    });
  }

 private:
  bool BothWait() {
    const auto options =
        vault::ResolveOptions("kms-1", vault::Flavour::kDriver,
                              vault::ReadEntry(entry_, vault::Flavour::kDriver)->options);
    std::string name;
    const auto client = world_.family->ClientFor(world_.clock, *options, {}, &name);
    const kms::Limiter& limiter = (*client)->server().limiter();
    return limiter.WaitingForTest(kms::Urgency::kMount) == 1 &&
           limiter.WaitingForTest(kms::Urgency::kBackground) == 1;
  }

  const kms::ConfigEntry entry_ = {
      .id = "kms-1",
      .provider = "vault",
      .options = With(VaultWorld::DriverEntry(), {{"vaultBackend", "kv-v2"}})};
};

TEST_F(VaultSeatTest, MountsFetchOvertakesOneOfABackgroundProvider) {
  std::vector<std::thread> threads;
  threads.push_back(Fetching(kms::Urgency::kMount, "first"));
  while (world_.vault.Count("/first") == 0) {
    std::this_thread::yield();
  }
  threads.push_back(Fetching(kms::Urgency::kBackground, "background"));
  threads.push_back(Fetching(kms::Urgency::kMount, "mount"));
  for (std::thread& thread : threads) {
    thread.join();
  }
  const std::vector<FakeVault::Seen> seen = world_.vault.seen();
  EXPECT_THAT(seen.at(seen.size() - 2).path, ::testing::EndsWith("/mount"));
  EXPECT_THAT(seen.back().path, ::testing::EndsWith("/background"));
}

TEST_F(VaultKmsTest, CaOfTheDriverComesFromTheRequest) {
  const Json entry = With(VaultWorld::DriverEntry(), {{"vaultCAFromSecret", "ca.pem"}});
  // Opening needs it not yet: a preflight has no request.
  EXPECT_THAT(world_.Open(entry), IsOk());
  EXPECT_THAT(Create(entry), StatusIs(Code::kInvalidArgument, HasSubstr("ca.pem")));
  EXPECT_EQ(world_.vault.seen().size(), 0U);
  std::string ca;
  std::string server_name;
  world_.family = std::make_shared<vault::VaultFamily>(vault::VaultFamily::Options{
      .http =
          [&, make = world_.vault.Factory()](const net::Url& url, const net::TlsOptions& tls) {
            ca = tls.ca_pem;
            server_name = tls.server_name;
            return make(url, tls);
          },
      .token_file = world_.token_file});
  world_.request_secrets.emplace("ca.pem", Secret(Pem("ca") + "what follows is left out"));
  EXPECT_THAT(Create(With(entry, {{"vaultTLSServerName", "v.example"}})), IsOk());
  EXPECT_EQ(ca, Pem("ca"));
  EXPECT_EQ(server_name, "v.example");
}

TEST_F(VaultKmsTest, CertificatesComeFromTheTenantElseFromBesideThePod) {
  const Json entry = With(VaultWorld::TokensEntry(), {{"vaultCAFromSecret", "ca"},
                                                      {"vaultClientCertFromSecret", "cert"},
                                                      {"vaultClientCertKeyFromSecret", "key"}});
  std::string seen;
  world_.family = std::make_shared<vault::VaultFamily>(vault::VaultFamily::Options{
      .http =
          [&, make = world_.vault.Factory()](const net::Url& url, const net::TlsOptions& tls) {
            seen = Cat(tls.ca_pem, " ", tls.client->certificate_pem, " ",
                       tls.client->key_pem.RevealText());
            return make(url, tls);
          },
      .kube = &world_.kube,
      .pod_namespace = "driver"});
  world_.kube.secrets["tenant-a/ca"]["cert"] = Pem("tenants-ca");
  world_.kube.secrets["driver/ca"]["cert"] = Pem("drivers-ca");
  world_.kube.secrets["driver/cert"]["cert"] = Pem("drivers-cert");
  EXPECT_THAT(Create(entry),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultClientCertKeyFromSecret")));
  world_.kube.secrets["driver/key"]["key"] = "drivers-key";
  EXPECT_THAT(Create(entry), IsOk());
  EXPECT_EQ(seen, Cat(Pem("tenants-ca"), " ", Pem("drivers-cert"), " drivers-key"));
  world_.kube.secrets["tenant-a/ca"]["cert"] = "no certificate";
  EXPECT_THAT(Create(entry), StatusIs(Code::kInvalidArgument,
                                      AllOf(HasSubstr("vaultCAFromSecret"), HasSubstr("PEM"))));
}

TEST_F(VaultKmsTest, UnverifiedServerIsWarnedOfAndCounted) {
  ASSERT_THAT(Create(With(VaultWorld::DriverEntry(), {{"vaultCAVerify", "false"}})), IsOk());
  EXPECT_THAT(world_.kube.warnings, Contains(HasSubstr("vaultCAVerify is off")));
  EXPECT_THAT(world_.metrics.TextForTest(), HasSubstr("tls_not_verified"));
}

// Leases are counted from when they were given, by a clock that nobody sets. Where the server's
// runs otherwise, a token ends sooner or later than was said, and that is found out by using it.
TEST_F(VaultKmsTest, ClockOfAServerThatRunsOtherwiseCostsALoginAtMost) {
  FakeClock servers;
  FakeVault vault(servers);
  vault.AddMount("secret", 2);
  vault.AddRole("", "kubernetes", "csi-kubernetes",
                {.jwts = {"jwt-of-driver"}, .lease = std::chrono::hours(1)});
  world_.family = std::make_shared<vault::VaultFamily>(
      vault::VaultFamily::Options{.http = vault.Factory(), .token_file = world_.token_file});
  const Json entry = With(VaultWorld::DriverEntry(), {{"vaultBackend", "kv-v2"}});
  ASSERT_THAT(Create(entry), IsOk());
  EXPECT_EQ(vault.Count("auth/kubernetes/login"), 1);
  // It leaps ahead: the token has ended there, and not here.
  servers.Advance(std::chrono::hours(2));
  EXPECT_THAT(Fetch(entry), IsOk());
  EXPECT_EQ(vault.Count("auth/kubernetes/login"), 2);
  // It stands: the token has ended here, and not there.
  world_.clock.Advance(std::chrono::hours(2));
  EXPECT_THAT(Fetch(entry), IsOk());
  EXPECT_EQ(vault.Count("auth/kubernetes/login"), 3);
  EXPECT_THAT(Fetch(entry), IsOk());
  EXPECT_EQ(vault.Count("auth/kubernetes/login"), 3);
}

TEST_F(VaultKmsTest, PlainHttpIsWarnedOfAndCounted) {
  const Json plain = With(VaultWorld::DriverEntry(), {{"vaultAddress", "http://vault:8200"}});
  ASSERT_THAT(Create(plain), IsOk());
  EXPECT_THAT(world_.kube.warnings, Contains(HasSubstr("plain HTTP")));
  EXPECT_THAT(world_.metrics.TextForTest(), HasSubstr("vault_plain_http"));
}

// The same address may be another server by another name.
TEST_F(VaultKmsTest, WhatIsMountedIsAskedOfEachServerName) {
  ASSERT_THAT(Create(VaultWorld::DriverEntry()), IsOk());
  ASSERT_THAT(Fetch(VaultWorld::DriverEntry()), IsOk());
  EXPECT_EQ(world_.vault.Count("GET sys/internal/ui/mounts"), 1);
  ASSERT_THAT(Fetch(With(VaultWorld::DriverEntry(), {{"vaultTLSServerName", "b.example"}})),
              IsOk());
  EXPECT_EQ(world_.vault.Count("GET sys/internal/ui/mounts"), 2);
}

TEST_F(VaultKmsTest, TenantConfigMapCountsAndItsForbiddenKeysRaiseAnEvent) {
  world_.kube.config_maps["tenant-a/ceph-csi-kms-config"] = {{"vaultBackendPath", "kv1"},
                                                             {"tenantTokenName", "other"}};
  ASSERT_THAT(Create(VaultWorld::TokensEntry()), IsOk());
  EXPECT_NE(world_.vault.Stored("kv1", kVolume), "");
  EXPECT_THAT(world_.kube.warnings,
              ElementsAre(AllOf(HasSubstr("tenant-a KeyManagerOptionIgnored"),
                                HasSubstr("ceph-csi-kms-config"), HasSubstr("tenantTokenName"))));
  // Found again with every call, said once an hour.
  ASSERT_THAT(Fetch(VaultWorld::TokensEntry()), IsOk());
  EXPECT_EQ(world_.kube.warnings.size(), 1U);
}

TEST_F(VaultKmsTest, TenantsSectionChangesThePathOnlyWithTheSwitch) {
  Json entry =
      With(VaultWorld::TokensEntry(), {{"tenants", {{"tenant-a", {{"vaultBackendPath", "kv1"}}}}}});
  ASSERT_THAT(Create(entry), IsOk());
  EXPECT_NE(world_.vault.Stored("secret", kVolume), "");
  EXPECT_EQ(world_.vault.Stored("kv1", kVolume), "");
  EXPECT_THAT(world_.kube.warnings,
              ElementsAre(AllOf(HasSubstr("driver "), HasSubstr("honorTenants"))));
  entry["honorTenants"] = "true";
  ASSERT_THAT(Create(entry), IsOk());
  EXPECT_NE(world_.vault.Stored("kv1", kVolume), "");
}

TEST_F(VaultKmsTest, TenantTokenRequestCarriesAudienceAndLifetimeOfTheEntry) {
  ASSERT_THAT(Create(With(VaultWorld::ServiceAccountEntry(),
                          {{"tenantSATokenAudience", "vault"}, {"tenantSATokenLifetime", "10m"}})),
              IsOk());
  ASSERT_EQ(world_.kube.token_requests.size(), 1U);
  EXPECT_EQ(world_.kube.token_requests[0].ns, "tenant-a");
  EXPECT_EQ(world_.kube.token_requests[0].audience, "vault");
  EXPECT_EQ(world_.kube.token_requests[0].lifetime, std::chrono::minutes(10));
}

TEST_F(VaultKmsTest, OldTokenSecretServesWhereTokenRequestIsRefused) {
  world_.kube.token_failure = PermissionDenied("no create on serviceaccounts/token");
  world_.kube.service_accounts["tenant-a/ceph-csi-vault-sa"] = {"gone", "other", "sa-token"};
  world_.kube.secrets["tenant-a/other"]["x"] = "y";
  EXPECT_THAT(Create(VaultWorld::ServiceAccountEntry()),
              StatusIs(Code::kPermissionDenied, HasSubstr("serviceaccounts/token")));
  world_.kube.secrets["tenant-a/sa-token"]["token"] = "jwt-of-tenant-a-ceph-csi-vault-sa";
  EXPECT_THAT(Create(VaultWorld::ServiceAccountEntry()), IsOk());
}

// Safety B3: kPermissionDenied is neither transient nor "no key", so a delete goes on and reports.
TEST_F(VaultKmsTest, RemoveSaysDeniedWhereTheTenantsIdentityIsGoneAndNeverUsesTheDrivers) {
  ASSERT_THAT(Create(VaultWorld::TokensEntry()), IsOk());
  world_.kube.secrets.clear();
  world_.kube.service_accounts.clear();
  EXPECT_THAT(Remove(VaultWorld::TokensEntry()),
              StatusIs(Code::kPermissionDenied, AllOf(HasSubstr("KMS \"kms-1\""),
                                                      HasSubstr("tenant-a/ceph-csi-kms-token"))));
  EXPECT_THAT(Remove(VaultWorld::ServiceAccountEntry()),
              StatusIs(Code::kPermissionDenied, HasSubstr("tenant-a/ceph-csi-vault-sa")));
  EXPECT_EQ(world_.vault.Count("/login"), 0);
}

TEST_F(VaultKmsTest, KubernetesThatIsDownIsTransient) {
  world_.kube.failure = Unavailable("API server is down");
  EXPECT_THAT(Remove(VaultWorld::TokensEntry()), StatusIs(Code::kUnavailable));
  EXPECT_THAT(Remove(VaultWorld::ServiceAccountEntry()), StatusIs(Code::kUnavailable));
}

TEST_F(VaultKmsTest, TenantProvidersNeedATenantAndKubernetes) {
  EXPECT_THAT(world_.Open(VaultWorld::TokensEntry(), ""),
              StatusIs(Code::kInvalidArgument, HasSubstr("--extra-create-metadata")));
  world_.family = std::make_shared<vault::VaultFamily>(
      vault::VaultFamily::Options{.http = world_.vault.Factory()});
  EXPECT_THAT(world_.Open(VaultWorld::TokensEntry()), StatusIs(Code::kUnimplemented));
}

TEST_F(VaultKmsTest, MissingTokenFileIsTransientAndNamesThePath) {
  world_.token_file = world_.dir.File("nothing");
  world_.Restart();
  EXPECT_THAT(Fetch(VaultWorld::DriverEntry()),
              StatusIs(Code::kUnavailable, HasSubstr(world_.token_file)));
}

TEST_F(VaultKmsTest, CloseGivesTheTokensBack) {
  ASSERT_THAT(Create(VaultWorld::DriverEntry()), IsOk());
  world_.family->Close(world_.context());
  EXPECT_EQ(world_.vault.Count("revoke-self"), 1);
}

TEST_F(VaultKmsTest, NoErrorTextHoldsATokenOrADek) {
  ASSERT_THAT(Create(VaultWorld::TokensEntry(), "dek-in-clear"), IsOk());
  world_.vault.Deny("secret/data/");
  const Status denied = Fetch(VaultWorld::TokensEntry()).status();
  EXPECT_THAT(Message(denied), Not(HasSubstr("token-a")));
  for (const std::string secret : {"dek-in-clear", "jwt-of", "hvs."}) {
    EXPECT_THAT(Message(denied), Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace rbdcrypt::testing
