// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/tenant_config.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rbdcrypt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using vault::EntryOptions;
using vault::Flavour;
using vault::Layered;
using vault::OptionMap;
using vault::WithTenantConfigMap;

using ConfigMap = std::map<std::string, std::string>;

TEST(TenantConfigTest, TenantMaySetWhatCephCsiAllows) {
  for (const char* option :
       {"vaultAddress", "vaultBackend", "vaultBackendPath", "vaultAuthNamespace", "vaultNamespace",
        "vaultDestroyKeys", "vaultTLSServerName", "vaultCAVerify"}) {
    EXPECT_TRUE(vault::TenantMaySet(Flavour::kTenantToken, option)) << option;
    EXPECT_TRUE(vault::TenantMaySet(Flavour::kTenantServiceAccount, option)) << option;
    EXPECT_FALSE(vault::TenantMaySet(Flavour::kDriver, option)) << option;
  }
  for (const char* option : {"tenantSAName", "vaultAuthPath", "vaultRole"}) {
    EXPECT_FALSE(vault::TenantMaySet(Flavour::kTenantToken, option)) << option;
    EXPECT_TRUE(vault::TenantMaySet(Flavour::kTenantServiceAccount, option)) << option;
  }
  for (const char* option : {"tenantTokenName", "tenantConfigName", "vaultClientCertFromSecret",
                             "vaultClientCertKeyFromSecret", "encryptionKMSType", "tenants",
                             "honorTenants", "tenantSATokenAudience"}) {
    EXPECT_FALSE(vault::TenantMaySet(Flavour::kTenantServiceAccount, option)) << option;
  }
}

TEST(TenantConfigTest, KeyOutsideTheListHasNoEffectAndIsSaid) {
  const OptionMap base = {{"vaultAddress", "https://v"}, {"tenantTokenName", "t"}};
  const Layered layered = WithTenantConfigMap(
      Flavour::kTenantToken, base, {{"tenantTokenName", "other"}, {"vaultBackendPath", "mine"}});
  EXPECT_EQ(layered.options.at("tenantTokenName"), "t");
  EXPECT_EQ(layered.options.at("vaultBackendPath"), "mine");
  EXPECT_THAT(layered.warnings, ElementsAre(HasSubstr("tenantTokenName")));
}

TEST(TenantConfigTest, CaOfTheTenantHasNoEffectAndIsSaid) {
  const Layered layered = WithTenantConfigMap(
      Flavour::kTenantToken, {{"vaultCAFromSecret", "global"}}, {{"vaultCAFromSecret", "mine"}});
  EXPECT_EQ(layered.options.at("vaultCAFromSecret"), "global");
  EXPECT_THAT(layered.warnings, ElementsAre(HasSubstr("vaultCAFromSecret")));
}

std::string AuthNamespaceOf(const OptionMap& base, const ConfigMap& config_map) {
  const OptionMap options = WithTenantConfigMap(Flavour::kTenantToken, base, config_map).options;
  OptionMap whole = options;
  whole["vaultAddress"] = "https://v";
  return vault::ResolveOptions("kms-1", Flavour::kTenantToken, whole)->auth_namespace;
}

TEST(TenantConfigTest, NamespaceOfTheTenantIsItsAuthNamespaceWhereTheEntryHasOneForBoth) {
  const ConfigMap mine = {{"vaultNamespace", "mine"}};
  EXPECT_EQ(AuthNamespaceOf({}, mine), "mine");
  EXPECT_EQ(AuthNamespaceOf({{"vaultNamespace", "a"}}, mine), "mine");
  EXPECT_EQ(AuthNamespaceOf({{"vaultNamespace", "a"}, {"vaultAuthNamespace", "a"}}, mine), "mine");
  EXPECT_EQ(AuthNamespaceOf({{"vaultNamespace", "a"}, {"vaultAuthNamespace", "b"}}, mine), "b");
  EXPECT_EQ(AuthNamespaceOf({{"vaultNamespace", "a"}},
                            {{"vaultNamespace", "mine"}, {"vaultAuthNamespace", "own"}}),
            "own");
  EXPECT_EQ(AuthNamespaceOf({{"vaultNamespace", "a"}, {"vaultAuthNamespace", "b"}}, {}), "b");
}

TEST(TenantConfigTest, SectionLiesOverTheEntryAndUnderTheConfigMap) {
  EntryOptions entry;
  entry.flavour = Flavour::kTenantToken;
  entry.options = {{"vaultBackendPath", "global"}, {"vaultBackend", "kv"}};
  entry.tenants["tenant-a"] = {{"vaultBackendPath", "section"}, {"vaultTLSServerName", "s"}};
  const OptionMap section = vault::WithTenantSection(entry, "tenant-a");
  EXPECT_EQ(section.at("vaultBackendPath"), "section");
  EXPECT_EQ(section.at("vaultBackend"), "kv");
  const Layered all = WithTenantConfigMap(entry.flavour, section, {{"vaultBackendPath", "own"}});
  EXPECT_EQ(all.options.at("vaultBackendPath"), "own");
  EXPECT_EQ(all.options.at("vaultTLSServerName"), "s");
  EXPECT_THAT(all.warnings, IsEmpty());
  EXPECT_EQ(vault::WithTenantSection(entry, "tenant-b"), entry.options);
}

}  // namespace
}  // namespace rbdcrypt::testing
