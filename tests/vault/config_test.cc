// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/config.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vault::Backend;
using vault::EntryOptions;
using vault::Flavour;
using vault::VaultOptions;

Result<EntryOptions> Read(Flavour flavour, const Json& options) {
  return vault::ReadEntry({.id = "kms-1", .provider = "x", .options = options}, flavour);
}

Result<VaultOptions> Resolve(Flavour flavour, const Json& options) {
  ASSIGN_OR_RETURN(const EntryOptions entry, Read(flavour, options));
  return vault::ResolveOptions(entry.kms_id, flavour, entry.options);
}

Json Driver(const Json& more = Json::object()) {
  Json options = {{"vaultAddress", "https://v:8200"},
                  {"vaultAuthPath", "/v1/auth/kubernetes/login"},
                  {"vaultRole", "csi-kubernetes"},
                  {"vaultPassphrasePath", ""}};
  options.update(more);
  return options;
}

Json Tenant(const Json& more = Json::object()) {
  Json options = {{"vaultAddress", "https://v:8200"}};
  options.update(more);
  return options;
}

TEST(VaultConfigTest, DefaultsAreThoseOfCephCsi) {
  ASSERT_OK_AND_ASSIGN(const VaultOptions options,
                       Resolve(Flavour::kTenantServiceAccount, Tenant()));
  EXPECT_EQ(options.kms_id, "kms-1");
  EXPECT_THAT(options.addresses, ElementsAre("https://v:8200"));
  EXPECT_EQ(options.backend, Backend::kProbe);
  EXPECT_EQ(options.backend_path, "secret");
  EXPECT_EQ(options.passphrase_path, "");
  EXPECT_EQ(options.secret_namespace, "");
  EXPECT_EQ(options.auth_namespace, "");
  EXPECT_EQ(options.auth_mount, "kubernetes");
  EXPECT_EQ(options.role, "csi-kubernetes");
  EXPECT_TRUE(options.destroy_keys);
  EXPECT_TRUE(options.verify);
  EXPECT_EQ(options.tenant_config_name, "ceph-csi-kms-config");
  EXPECT_EQ(options.tenant_token_name, "ceph-csi-kms-token");
  EXPECT_EQ(options.tenant_service_account, "ceph-csi-vault-sa");
  EXPECT_EQ(options.token_lifetime, std::chrono::seconds(0));
  EXPECT_FALSE(options.custom_metadata);
}

TEST(VaultConfigTest, DriverNeedsThreeOptionsInSpiteOfTheirDefaults) {
  for (const std::string option :
       {"vaultAddress", "vaultAuthPath", "vaultRole", "vaultPassphrasePath"}) {
    Json options = Driver();
    options.erase(option);
    EXPECT_THAT(Resolve(Flavour::kDriver, options),
                StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"kms-1\""), HasSubstr(option))));
  }
  EXPECT_THAT(Resolve(Flavour::kDriver, Driver()), IsOk());
}

TEST(VaultConfigTest, TenantsNeedOnlyTheAddress) {
  EXPECT_THAT(Resolve(Flavour::kTenantToken, Json::object()),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultAddress")));
  EXPECT_THAT(Resolve(Flavour::kTenantToken, Tenant()), IsOk());
}

TEST(VaultConfigTest, BackendNamesTwoVersionsAndAnythingElseIsProbed) {
  const auto backend = [](const std::string& text) {
    return Resolve(Flavour::kTenantToken, Tenant({{"vaultBackend", text}}))->backend;
  };
  EXPECT_EQ(backend("kv"), Backend::kV1);
  EXPECT_EQ(backend("kv-v2"), Backend::kV2);
  EXPECT_EQ(backend("kv-v1"), Backend::kProbe);
  EXPECT_EQ(backend(""), Backend::kProbe);
}

TEST(VaultConfigTest, PassphraseRootOverridesTheBackendPathForTheDriver) {
  const Json options = {{"vaultBackendPath", "other"}, {"vaultPassphraseRoot", "/v1/secret/"}};
  EXPECT_EQ(Resolve(Flavour::kDriver, Driver(options))->backend_path, "secret");
  EXPECT_EQ(Resolve(Flavour::kDriver, Driver({{"vaultBackendPath", "a/b/"}}))->backend_path, "a/b");
  // Not an option of tenants.
  EXPECT_EQ(Resolve(Flavour::kTenantToken, Tenant(options))->backend_path, "other");
}

TEST(VaultConfigTest, AuthPathGivesTheMount) {
  const auto mount = [](const std::string& path) {
    return Resolve(Flavour::kDriver, Driver({{"vaultAuthPath", path}}))->auth_mount;
  };
  EXPECT_EQ(mount("/v1/auth/kubernetes/login"), "kubernetes");
  EXPECT_EQ(mount("/v1/auth/cluster/one/login"), "cluster/one");
  EXPECT_EQ(mount("k8s-east"), "k8s-east");
}

TEST(VaultConfigTest, AuthNamespaceIsTheNamespaceUnlessSaid) {
  ASSERT_OK_AND_ASSIGN(VaultOptions options,
                       Resolve(Flavour::kTenantToken, Tenant({{"vaultNamespace", "a/"}})));
  EXPECT_EQ(options.secret_namespace, "a");
  EXPECT_EQ(options.auth_namespace, "a");
  ASSERT_OK_AND_ASSIGN(options,
                       Resolve(Flavour::kTenantToken,
                               Tenant({{"vaultNamespace", "a"}, {"vaultAuthNamespace", "b"}})));
  EXPECT_EQ(options.auth_namespace, "b");
}

TEST(VaultConfigTest, OnlyTheExactTextTrueDestroysKeys) {
  const auto destroys = [](const std::string& text) {
    return Resolve(Flavour::kTenantToken, Tenant({{"vaultDestroyKeys", text}}))->destroy_keys;
  };
  EXPECT_TRUE(destroys("true"));
  EXPECT_FALSE(destroys("True"));
  EXPECT_FALSE(destroys("1"));
  EXPECT_FALSE(destroys("false"));
}

TEST(VaultConfigTest, BooleansAreGosAndStrings) {
  EXPECT_FALSE(Resolve(Flavour::kTenantToken, Tenant({{"vaultCAVerify", "f"}}))->verify);
  EXPECT_TRUE(Resolve(Flavour::kTenantToken, Tenant({{"vaultCAVerify", "TRUE"}}))->verify);
  EXPECT_THAT(Resolve(Flavour::kTenantToken, Tenant({{"vaultCAVerify", "yes"}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"kms-1\".vaultCAVerify")));
  EXPECT_THAT(Read(Flavour::kTenantToken, Tenant({{"vaultCAVerify", true}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultCAVerify")));
}

TEST(VaultConfigTest, SeveralAddressesMayBeSeparatedByCommasOrSpace) {
  const Json options = {{"vaultAddress", "https://a:8200, https://b:8200  https://a:8200"}};
  EXPECT_THAT(Resolve(Flavour::kTenantToken, options)->addresses,
              ElementsAre("https://a:8200", "https://b:8200"));
  EXPECT_THAT(Resolve(Flavour::kTenantToken, {{"vaultAddress", "https://a, ftp://b"}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultAddress")));
  EXPECT_THAT(Resolve(Flavour::kTenantToken, {{"vaultAddress", " , "}}),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultAddress")));
}

TEST(VaultConfigTest, ClientCertificateAndKeyBelongTogether) {
  EXPECT_THAT(Resolve(Flavour::kTenantToken, Tenant({{"vaultClientCertFromSecret", "c"}})),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultClientCertKeyFromSecret")));
  ASSERT_OK_AND_ASSIGN(
      const VaultOptions options,
      Resolve(Flavour::kTenantToken,
              Tenant({{"vaultClientCertFromSecret", "c"}, {"vaultClientCertKeyFromSecret", "k"}})));
  EXPECT_EQ(options.client_cert_secret, "c");
  EXPECT_EQ(options.client_key_secret, "k");
}

TEST(VaultConfigTest, TokenLifetimeHasAUnitAndTenMinutesAtLeast) {
  const auto lifetime = [](const std::string& text) {
    return Resolve(Flavour::kTenantServiceAccount, Tenant({{"tenantSATokenLifetime", text}}));
  };
  EXPECT_EQ(lifetime("600")->token_lifetime, std::chrono::minutes(10));
  EXPECT_EQ(lifetime("15m")->token_lifetime, std::chrono::minutes(15));
  EXPECT_EQ(lifetime("1h")->token_lifetime, std::chrono::hours(1));
  for (const std::string bad : {"599s", "ten", "-1h", "99999999999999999h"}) {
    EXPECT_THAT(lifetime(bad),
                StatusIs(Code::kInvalidArgument, HasSubstr("tenantSATokenLifetime")));
  }
}

TEST(VaultConfigTest, UnknownOptionsAreWarnedOfAndIgnoredWhateverTheirType) {
  ASSERT_OK_AND_ASSIGN(const EntryOptions entry,
                       Read(Flavour::kTenantToken, Tenant({{"vaultAdress", 7}})));
  EXPECT_THAT(entry.warnings, ElementsAre(AllOf(HasSubstr("kms-1"), HasSubstr("vaultAdress"))));
  // An option of another flavour is unknown, too.
  ASSERT_OK_AND_ASSIGN(const EntryOptions driver,
                       Read(Flavour::kDriver, Driver({{"tenantTokenName", "x"}})));
  EXPECT_THAT(driver.warnings, ElementsAre(HasSubstr("tenantTokenName")));
}

TEST(VaultConfigTest, RookFormCountsAloneWhereItsProviderKeyIsThere) {
  const Json options = {{"KMS_PROVIDER", "vaulttokens"}, {"VAULT_ADDR", "https://v:8200"},
                        {"VAULT_BACKEND", "kv-v2"},      {"VAULT_BACKEND_PATH", "rook"},
                        {"VAULT_NAMESPACE", "ns"},       {"VAULT_AUTH_NAMESPACE", ""},
                        {"VAULT_SKIP_VERIFY", "true"},   {"VAULT_TLS_SERVER_NAME", "vault.example"},
                        {"VAULT_CACERT", "ca"},          {"VAULT_CLIENT_CERT", "cert"},
                        {"VAULT_CLIENT_KEY", "key"},     {"vaultRole", "dropped"}};
  ASSERT_OK_AND_ASSIGN(const EntryOptions entry, Read(Flavour::kTenantToken, options));
  EXPECT_THAT(entry.warnings, ElementsAre(HasSubstr("vaultRole")));
  ASSERT_OK_AND_ASSIGN(const VaultOptions resolved,
                       vault::ResolveOptions("kms-1", Flavour::kTenantToken, entry.options));
  EXPECT_EQ(resolved.backend, Backend::kV2);
  EXPECT_EQ(resolved.backend_path, "rook");
  EXPECT_EQ(resolved.auth_namespace, "ns");
  EXPECT_FALSE(resolved.verify);
  EXPECT_EQ(resolved.server_name, "vault.example");
  EXPECT_EQ(resolved.ca_secret, "ca");
  EXPECT_EQ(resolved.client_cert_secret, "cert");
  EXPECT_TRUE(resolved.destroy_keys);
}

TEST(VaultConfigTest, RookFormHasItsDefaultsAndStrictness) {
  const Json bare = {{"KMS_PROVIDER", "vaulttokens"}, {"VAULT_ADDR", "https://v:8200"}};
  ASSERT_OK_AND_ASSIGN(const VaultOptions options, Resolve(Flavour::kTenantToken, bare));
  EXPECT_TRUE(options.verify);
  EXPECT_EQ(options.backend_path, "secret");
  Json wrong = bare;
  wrong["VAULT_SKIP_VERIFY"] = "maybe";
  EXPECT_THAT(Read(Flavour::kTenantToken, wrong),
              StatusIs(Code::kInvalidArgument, HasSubstr("VAULT_SKIP_VERIFY")));
  wrong["VAULT_SKIP_VERIFY"] = true;
  EXPECT_THAT(Read(Flavour::kTenantToken, wrong), StatusIs(Code::kInvalidArgument));
  // Provider "vault" has no upper-case form.
  EXPECT_THAT(Resolve(Flavour::kDriver, bare),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultAddress")));
}

TEST(VaultConfigTest, TenantsSectionNeedsTheSwitch) {
  Json options = Tenant({{"tenants", {{"tenant-a", {{"vaultBackendPath", "a"}}}}}});
  ASSERT_OK_AND_ASSIGN(EntryOptions entry, Read(Flavour::kTenantToken, options));
  EXPECT_THAT(entry.tenants, IsEmpty());
  EXPECT_THAT(entry.warnings, ElementsAre(HasSubstr("honorTenants")));
  options["honorTenants"] = "true";
  ASSERT_OK_AND_ASSIGN(entry, Read(Flavour::kTenantToken, options));
  EXPECT_THAT(entry.warnings, IsEmpty());
  EXPECT_EQ(entry.tenants["tenant-a"]["vaultBackendPath"], "a");
}

TEST(VaultConfigTest, HonoredTenantsSectionMustBeWellFormed) {
  Json options = Tenant({{"tenants", "all"}, {"honorTenants", "true"}});
  EXPECT_THAT(Read(Flavour::kTenantToken, options),
              StatusIs(Code::kInvalidArgument, HasSubstr("tenants")));
  options["tenants"] = {{"tenant-a", 1}};
  EXPECT_THAT(Read(Flavour::kTenantToken, options),
              StatusIs(Code::kInvalidArgument, HasSubstr("tenants.tenant-a")));
  options["honorTenants"] = "perhaps";
  EXPECT_THAT(Read(Flavour::kTenantToken, options),
              StatusIs(Code::kInvalidArgument, HasSubstr("honorTenants")));
}

}  // namespace
}  // namespace rbdcrypt::testing
