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
#include "tests/fakes/fake_kms.h"
#include "tests/kmip/kmip_world.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kVolume =
    "0001-0009-rook-ceph-0000000000000001-01342aff-9cf3-4117-8200-00c0c26e11bf";
constexpr std::string_view kOtherVolume =
    "0001-0009-rook-ceph-0000000000000001-2537cd14-41ef-4647-8043-bcedba0c7e89";

// A provider under test and what it stands on.
class WrapperWorld {
 public:
  virtual ~WrapperWorld() = default;

  // A second call gives a second instance over the same keys.
  virtual std::shared_ptr<kms::Kms> Open() = 0;

  // Every how many bytes of the text damage is tried: 1, or more where a try is costly.
  virtual std::size_t damage_stride() const { return 1; }

  // What the format can tell by itself, where it is ceph-csi's; else the header is the proof
  // (safety E2): that a text is another volume's, and that it was changed.
  virtual bool binds_volume() const { return true; }

  virtual bool is_authenticated() const { return true; }
};

struct WrapperCase {
  std::string name;
  std::function<std::unique_ptr<WrapperWorld>()> make;
};

void PrintTo(const WrapperCase& value, std::ostream* out) {
  *out << value.name;
}

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

  bool binds_volume() const override { return Way::Options().contains("WRAP_FORMAT"); }

  bool is_authenticated() const override { return binds_volume() || Way::Options() == Fetching(); }

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

class WrapperContract : public ::testing::TestWithParam<WrapperCase> {
 protected:
  WrapperContract() : world_(GetParam().make()), kms_(world_->Open()) {}

  kms::Kms& kms() { return *kms_; }

  WrapperWorld& world() { return *world_; }

  const Context& context() const { return context_; }

  Secret Dek() const {
    Result<Secret> dek = kms::NewDek(kms_->dek_bytes());
    RBDCRYPT_CHECK(dek.ok());
    return *std::move(dek);
  }

  std::string Wrap(const Secret& dek) {
    const auto wrapped = kms_->wrapper()->WrapDek(context_, kVolume, dek);
    EXPECT_THAT(wrapped, IsOk());
    return wrapped.value_or("");
  }

 private:
  const Context context_ = Context::Background();
  std::unique_ptr<WrapperWorld> world_;
  std::shared_ptr<kms::Kms> kms_;
};

TEST_P(WrapperContract, IsAWrapperAndNoStore) {
  EXPECT_NE(kms().wrapper(), nullptr);
  EXPECT_EQ(kms().store(), nullptr);
  EXPECT_FALSE(kms().is_shared_passphrase());
  EXPECT_EQ(kms().dek_kind(), kms::DekKind::kRandom);
  EXPECT_GE(kms().dek_bytes(), 16U);
}

TEST_P(WrapperContract, UnwrapReturnsWhatWasWrapped) {
  const Secret dek = Dek();
  const auto unwrapped = kms().wrapper()->UnwrapDek(context(), kVolume, Wrap(dek));
  ASSERT_THAT(unwrapped, IsOk());
  EXPECT_TRUE(SameSecret(*unwrapped, dek));
}

TEST_P(WrapperContract, AnotherInstanceUnwraps) {
  const Secret dek = Dek();
  const std::string wrapped = Wrap(dek);
  const auto unwrapped = world().Open()->wrapper()->UnwrapDek(context(), kVolume, wrapped);
  ASSERT_THAT(unwrapped, IsOk());
  EXPECT_TRUE(SameSecret(*unwrapped, dek));
}

TEST_P(WrapperContract, WrappingTwiceGivesTwoTexts) {
  const Secret dek = Dek();
  EXPECT_NE(Wrap(dek), Wrap(dek));
}

TEST_P(WrapperContract, TheTextDoesNotHoldTheDek) {
  const Secret dek = Dek();
  EXPECT_THAT(Wrap(dek), ::testing::Not(HasSubstr(std::string(dek.RevealText()))));
}

TEST_P(WrapperContract, ATextOfAnotherVolumeIsDataLoss) {
  const Secret dek = Dek();
  const auto unwrapped = kms().wrapper()->UnwrapDek(context(), kOtherVolume, Wrap(dek));
  if (world().binds_volume()) {
    EXPECT_THAT(unwrapped, StatusIs(Code::kDataLoss, HasSubstr("another volume")));
  } else {
    ASSERT_THAT(unwrapped, IsOk());
    EXPECT_TRUE(SameSecret(*unwrapped, dek));
  }
}

// Where the format shows it; and nowhere is a damaged text as good as the right one.
TEST_P(WrapperContract, DamageAnywhereIsDataLoss) {
  const Secret dek = Dek();
  const std::string wrapped = Wrap(dek);
  for (std::size_t at = 0; at < wrapped.size(); at += world().damage_stride()) {
    std::string damaged = wrapped;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto unwrapped = kms().wrapper()->UnwrapDek(context(), kVolume, damaged);
    if (world().is_authenticated() || !unwrapped.ok()) {
      EXPECT_THAT(unwrapped, StatusIs(Code::kDataLoss)) << "byte " << at;
    } else {
      EXPECT_FALSE(SameSecret(*unwrapped, dek)) << "byte " << at;
    }
  }
}

TEST_P(WrapperContract, ACutTextIsDataLoss) {
  const std::string wrapped = Wrap(Dek());
  for (std::size_t length = 0; length < wrapped.size(); ++length) {
    EXPECT_THAT(kms().wrapper()->UnwrapDek(context(), kVolume, wrapped.substr(0, length)),
                StatusIs(Code::kDataLoss))
        << length << " bytes";
  }
}

TEST_P(WrapperContract, AnEndedContextIsTheCallersOwnError) {
  const std::string wrapped = Wrap(Dek());
  const Context ended(Context::Options{.is_cancelled = [] { return true; }});
  EXPECT_THAT(kms().wrapper()->WrapDek(ended, kVolume, Dek()), StatusIs(Code::kCancelled));
  EXPECT_THAT(kms().wrapper()->UnwrapDek(ended, kVolume, wrapped), StatusIs(Code::kCancelled));
}

std::string CaseName(const ::testing::TestParamInfo<WrapperCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Providers,
                         WrapperContract,
                         ::testing::Values(WrapperCase{"metadata", Make<MetadataWorld>},
                                           WrapperCase{"local", Make<LocalWorld>},
                                           WrapperCase{"fake", Make<FakeWrappingWorld>}),
                         CaseName);

INSTANTIATE_TEST_SUITE_P(
    Kmip,
    WrapperContract,
    ::testing::Values(WrapperCase{"cbc", Make<KmipWrapperWorld<KmipCbc>>},
                      WrapperCase{"fetched", Make<KmipWrapperWorld<KmipFetched>>},
                      WrapperCase{"aead_gcm", Make<KmipWrapperWorld<KmipAeadGcm>>},
                      WrapperCase{"aead_cbc", Make<KmipWrapperWorld<KmipAeadCbc>>},
                      WrapperCase{"aead_fetched", Make<KmipWrapperWorld<KmipAeadFetched>>}),
    CaseName);

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
