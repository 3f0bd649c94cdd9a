// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// One suite over every provider: what kms/kms.h promises for a wrapper, and kms/dek_store.h for a
// store.
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "kms/default_secret.h"
#include "kms/local.h"
#include "kms/metadata.h"
#include "kms/registry.h"
#include "tests/contract/dek_store_contract.h"
#include "tests/contract/wrapper_contract.h"
#include "tests/fakes/fake_kms.h"
#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {
namespace {

std::shared_ptr<kms::Kms> Build(const kms::ProviderFactory& factory,
                                const std::string& provider,
                                Json options,
                                const kms::RequestSecrets& secrets) {
  const kms::ConfigEntry entry{
      .id = "under-test", .provider = provider, .options = std::move(options)};
  auto built = factory(Context::Background(), entry,
                       {.kms_id = "under-test", .tenant = "tenant-a", .secrets = secrets});
  EXPECT_THAT(built, IsOk());
  return built.ok() ? *built : nullptr;
}

class MetadataWorld final : public WrapperWorld {
 public:
  std::shared_ptr<kms::Kms> Open() override {
    kms::RequestSecrets secrets;
    secrets.emplace("encryptionPassphrase", Secret(std::string_view("a passphrase")));
    return Build(kms::MetadataProvider(std::make_shared<kms::ScryptGate>(2), nullptr), "metadata",
                 Json::object(), secrets);
  }

  // A try costs a scrypt; tests/kms/envelope_test.cc does every byte.
  std::size_t damage_stride() const override { return 11; }
};

class LocalWorld final : public WrapperWorld {
 public:
  std::shared_ptr<kms::Kms> Open() override {
    return Build(kms::LocalProvider(), "local",
                 {{"localKeyFile", folder_.File("ring")}, {"createIfMissing", "true"}}, {});
  }

 private:
  TempDir folder_;
};

class FakeWrappingWorld final : public WrapperWorld {
 public:
  std::shared_ptr<kms::Kms> Open() override { return kms_; }

 private:
  std::shared_ptr<FakeWrappingKms> kms_ = std::make_shared<FakeWrappingKms>();
};

// Provider "kmip" in one of its ways to wrap (kmip/wrapping.h).
template <typename Way>
class KmipWrapperWorld final : public WrapperWorld {
 public:
  std::shared_ptr<kms::Kms> Open() override { return *kmip_.Open(Way::Options()); }

 private:
  KmipWorld kmip_{Way::Rules()};
};

struct KmipCbc {
  static Json Options() { return Json::object(); }

  static FakeKmipRules Rules() { return {}; }
};

struct KmipFetched {
  static Json Options() { return Fetching(); }

  static FakeKmipRules Rules() { return {}; }
};

struct KmipAeadGcm {
  static Json Options() { return Aead(); }

  static FakeKmipRules Rules() { return FakeKmipRules::PyKmip(); }
};

struct KmipAeadCbc {
  static Json Options() { return Aead(); }

  static FakeKmipRules Rules() { return CbcOnly(); }
};

struct KmipAeadFetched {
  static Json Options() { return Aead(); }

  static FakeKmipRules Rules() { return NoCiphers(); }
};

template <typename World>
std::unique_ptr<WrapperWorld> Make() {
  return std::make_unique<World>();
}

const auto kWrappers = ::testing::Values(WrapperCase{"metadata", Make<MetadataWorld>},
                                         WrapperCase{"local", Make<LocalWorld>},
                                         WrapperCase{"fake", Make<FakeWrappingWorld>});

INSTANTIATE_TEST_SUITE_P(Providers, WrapperContract, kWrappers, WrapperContract::Name);
INSTANTIATE_TEST_SUITE_P(Providers, BoundWrapperContract, kWrappers, BoundWrapperContract::Name);

const auto kAeadWrappers =
    ::testing::Values(WrapperCase{"aead_gcm", Make<KmipWrapperWorld<KmipAeadGcm>>},
                      WrapperCase{"aead_cbc", Make<KmipWrapperWorld<KmipAeadCbc>>},
                      WrapperCase{"aead_fetched", Make<KmipWrapperWorld<KmipAeadFetched>>});
// ceph-csi's two.
const auto kUnboundWrappers =
    ::testing::Values(WrapperCase{"cbc", Make<KmipWrapperWorld<KmipCbc>>},
                      WrapperCase{"fetched", Make<KmipWrapperWorld<KmipFetched>>});

INSTANTIATE_TEST_SUITE_P(Kmip, WrapperContract, kAeadWrappers, WrapperContract::Name);
INSTANTIATE_TEST_SUITE_P(Kmip, BoundWrapperContract, kAeadWrappers, BoundWrapperContract::Name);
INSTANTIATE_TEST_SUITE_P(KmipUnbound, WrapperContract, kUnboundWrappers, WrapperContract::Name);

template <bool can_compare_and_set>
class FakeStoreWorld final : public DekStoreWorld {
 public:
  kms::DekStore& store() override { return kms_; }

  std::string NewVolume() override { return Cat("volume-", ++volumes_); }

 private:
  FakeKms kms_{{.can_compare_and_set = can_compare_and_set}};
  int volumes_ = 0;
};

template <typename World>
std::unique_ptr<DekStoreWorld> MakeStore() {
  return std::make_unique<World>();
}

INSTANTIATE_TEST_SUITE_P(
    Providers,
    DekStoreContract,
    ::testing::Values(DekStoreCase{"fake_with_compare_and_set", MakeStore<FakeStoreWorld<true>>},
                      DekStoreCase{"fake_without", MakeStore<FakeStoreWorld<false>>}),
    DekStoreContract::Name);

}  // namespace
}  // namespace rbdcrypt::testing
