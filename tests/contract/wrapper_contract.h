// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/context.h"
#include "base/secret.h"
#include "kms/kms.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {

inline constexpr std::string_view kWrapperVolume =
    "0001-0009-rook-ceph-0000000000000001-01342aff-9cf3-4117-8200-00c0c26e11bf";
inline constexpr std::string_view kOtherWrapperVolume =
    "0001-0009-rook-ceph-0000000000000001-2537cd14-41ef-4647-8043-bcedba0c7e89";

// A provider under test and what it stands on.
class WrapperWorld {
 public:
  virtual ~WrapperWorld() = default;

  // A second call gives a second instance over the same keys.
  virtual std::shared_ptr<kms::Kms> Open() = 0;

  // Every how many bytes of the text damage is tried: 1, or more where a try is costly.
  virtual std::size_t damage_stride() const { return 1; }
};

struct WrapperCase {
  std::string name;
  std::function<std::unique_ptr<WrapperWorld>()> make;
};

inline void PrintTo(const WrapperCase& value, std::ostream* out) {
  *out << value.name;
}

// What kms/kms.h promises of a wrapper, for every provider that has one. Include in one source of a
// test program and add, in namespace rbdcrypt::testing:
//
//   INSTANTIATE_TEST_SUITE_P(Local, WrapperContract,
//                            ::testing::Values(WrapperCase{"local", MakeWorld}),
//                            WrapperContract::Name);
//
// and the same of BoundWrapperContract where the format allows it.
class WrapperContract : public ::testing::TestWithParam<WrapperCase> {
 public:
  static std::string Name(const ::testing::TestParamInfo<WrapperCase>& info) {
    return info.param.name;
  }

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
    const auto wrapped = kms_->wrapper()->WrapDek(context_, kWrapperVolume, dek);
    EXPECT_THAT(wrapped, IsOk());
    return wrapped.value_or("");
  }

 private:
  const Context context_ = Context::Background();
  std::unique_ptr<WrapperWorld> world_;
  std::shared_ptr<kms::Kms> kms_;
};

// Of texts that are bound to their volume, and in which damage is noticed (safety E2). ceph-csi's
// of provider "kmip" are neither: there it is the header that does not open.
class BoundWrapperContract : public WrapperContract {};

TEST_P(WrapperContract, IsAWrapperAndNoStore) {
  EXPECT_NE(kms().wrapper(), nullptr);
  EXPECT_EQ(kms().store(), nullptr);
  EXPECT_FALSE(kms().is_shared_passphrase());
  EXPECT_EQ(kms().dek_kind(), kms::DekKind::kRandom);
  EXPECT_GE(kms().dek_bytes(), 16U);
}

TEST_P(WrapperContract, UnwrapReturnsWhatWasWrapped) {
  const Secret dek = Dek();
  const auto unwrapped = kms().wrapper()->UnwrapDek(context(), kWrapperVolume, Wrap(dek));
  ASSERT_THAT(unwrapped, IsOk());
  EXPECT_TRUE(SameSecret(*unwrapped, dek));
}

TEST_P(WrapperContract, AnotherInstanceUnwraps) {
  const Secret dek = Dek();
  const std::string wrapped = Wrap(dek);
  const auto unwrapped = world().Open()->wrapper()->UnwrapDek(context(), kWrapperVolume, wrapped);
  ASSERT_THAT(unwrapped, IsOk());
  EXPECT_TRUE(SameSecret(*unwrapped, dek));
}

TEST_P(WrapperContract, WrappingTwiceGivesTwoTexts) {
  const Secret dek = Dek();
  EXPECT_NE(Wrap(dek), Wrap(dek));
}

TEST_P(WrapperContract, TheTextDoesNotHoldTheDek) {
  const Secret dek = Dek();
  EXPECT_THAT(Wrap(dek), ::testing::Not(::testing::HasSubstr(std::string(dek.RevealText()))));
}

TEST_P(WrapperContract, ACutTextIsDataLoss) {
  const std::string wrapped = Wrap(Dek());
  for (std::size_t length = 0; length < wrapped.size(); ++length) {
    EXPECT_THAT(kms().wrapper()->UnwrapDek(context(), kWrapperVolume, wrapped.substr(0, length)),
                StatusIs(Code::kDataLoss))
        << length << " bytes";
  }
}

TEST_P(WrapperContract, AnEndedContextIsTheCallersOwnError) {
  const std::string wrapped = Wrap(Dek());
  const Context ended(Context::Options{.is_cancelled = [] { return true; }});
  EXPECT_THAT(kms().wrapper()->WrapDek(ended, kWrapperVolume, Dek()), StatusIs(Code::kCancelled));
  EXPECT_THAT(kms().wrapper()->UnwrapDek(ended, kWrapperVolume, wrapped),
              StatusIs(Code::kCancelled));
}

// Of formats without authentication, too.
TEST_P(WrapperContract, ADamagedTextNeverGivesTheDek) {
  const Secret dek = Dek();
  const std::string wrapped = Wrap(dek);
  for (std::size_t at = 0; at < wrapped.size(); at += world().damage_stride()) {
    std::string damaged = wrapped;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto unwrapped = kms().wrapper()->UnwrapDek(context(), kWrapperVolume, damaged);
    if (unwrapped.ok()) {
      EXPECT_FALSE(SameSecret(*unwrapped, dek)) << "byte " << at;
    } else {
      EXPECT_THAT(unwrapped, StatusIs(Code::kDataLoss)) << "byte " << at;
    }
  }
}

TEST_P(BoundWrapperContract, ATextOfAnotherVolumeIsDataLoss) {
  EXPECT_THAT(kms().wrapper()->UnwrapDek(context(), kOtherWrapperVolume, Wrap(Dek())),
              StatusIs(Code::kDataLoss, ::testing::HasSubstr("another volume")));
}

TEST_P(BoundWrapperContract, DamageAnywhereIsDataLoss) {
  const std::string wrapped = Wrap(Dek());
  for (std::size_t at = 0; at < wrapped.size(); at += world().damage_stride()) {
    std::string damaged = wrapped;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_THAT(kms().wrapper()->UnwrapDek(context(), kWrapperVolume, damaged),
                StatusIs(Code::kDataLoss))
        << "byte " << at;
  }
}

}  // namespace rbdcrypt::testing
