// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/dek_store.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {

// A store under test with the world it needs.
class DekStoreWorld {
 public:
  virtual ~DekStoreWorld() = default;

  virtual kms::DekStore& store() = 0;

  // The ID of a volume that exists and has no DEK; another one for every call.
  virtual std::string NewVolume() = 0;
};

struct DekStoreCase {
  std::string name;
  std::function<std::unique_ptr<DekStoreWorld>()> make;
};

inline void PrintTo(const DekStoreCase& value, std::ostream* out) {
  *out << value.name;
}

// What kms/dek_store.h promises, for every store that really keeps DEKs. Include in one source of
// a test program and add, in namespace rbdcrypt::testing:
//
//   INSTANTIATE_TEST_SUITE_P(Metadata, DekStoreContract,
//                            ::testing::Values(DekStoreCase{"metadata", MakeWorld}),
//                            DekStoreContract::Name);
class DekStoreContract : public ::testing::TestWithParam<DekStoreCase> {
 public:
  static std::string Name(const ::testing::TestParamInfo<DekStoreCase>& info) {
    return info.param.name;
  }

 protected:
  DekStoreContract() : world_(GetParam().make()), volume_(world_->NewVolume()) {}

  kms::DekStore& store() { return world_->store(); }

  const Context& context() const { return context_; }

  const std::string& volume() const { return volume_; }

  std::string AnotherVolume() { return world_->NewVolume(); }

  // The stored text of the DEK, or "CODE" of the error.
  std::string Current() { return TextOf(store().Fetch(context_, volume_)); }

  std::string Previous() { return TextOf(store().FetchPrevious(context_, volume_)); }

  std::string Version() {
    const auto stored = store().Fetch(context_, volume_);
    return stored.ok() ? stored->version : "";
  }

  Result<std::string> Create(std::string_view dek) {
    return store().Create(context_, volume_, Secret(dek));
  }

  Result<std::string> Replace(std::string_view version, std::string_view dek) {
    return store().Replace(context_, volume_, version, Secret(dek));
  }

  static constexpr std::string_view kFirst = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  static constexpr std::string_view kSecond = "BBBBBBBBBBBBBBBBBBBBBBBBBBA=";
  static constexpr std::string_view kThird = "CCCCCCCCCCCCCCCCCCCCCCCCCCA=";

 private:
  static std::string TextOf(const Result<kms::StoredDek>& stored) {
    return stored.ok() ? std::string(stored->dek.RevealText()) : CodeName(stored.status().code());
  }

  const Context context_ = Context::Background();
  std::unique_ptr<DekStoreWorld> world_;
  std::string volume_;
};

TEST_P(DekStoreContract, FetchOfNothingIsNotFoundAndNamesTheVolume) {
  EXPECT_THAT(store().Fetch(context(), volume()),
              StatusIs(Code::kNotFound, ::testing::HasSubstr(volume())));
  EXPECT_EQ(Previous(), "NOT_FOUND");
}

TEST_P(DekStoreContract, CreateStoresWhatFetchReturnsWithItsVersion) {
  ASSERT_OK_AND_ASSIGN(const std::string version, Create(kFirst));
  EXPECT_EQ(Current(), kFirst);
  EXPECT_EQ(Version(), version);
  EXPECT_NE(version, "");
  EXPECT_EQ(Previous(), "NOT_FOUND");
}

TEST_P(DekStoreContract, CreateChangesNothingWhereThereIsOne) {
  ASSERT_OK_AND_ASSIGN(const std::string version, Create(kFirst));
  EXPECT_THAT(Create(kSecond), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(Current(), kFirst);
  EXPECT_EQ(Version(), version);
  EXPECT_EQ(Previous(), "NOT_FOUND");
}

TEST_P(DekStoreContract, VolumesDoNotShareTheirDeks) {
  ASSERT_THAT(Create(kFirst), IsOk());
  const std::string other = AnotherVolume();
  EXPECT_THAT(store().Fetch(context(), other), StatusIs(Code::kNotFound));
  ASSERT_THAT(store().Create(context(), other, Secret(kSecond)), IsOk());
  ASSERT_THAT(store().Remove(context(), other), IsOk());
  EXPECT_EQ(Current(), kFirst);
}

TEST_P(DekStoreContract, ReplaceKeepsTheFormerDekAsPrevious) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(const std::string second, Replace(first, kSecond));
  EXPECT_NE(first, second);
  EXPECT_EQ(Version(), second);
  EXPECT_EQ(Current(), kSecond);
  EXPECT_EQ(Previous(), kFirst);
}

TEST_P(DekStoreContract, ReplaceKeepsOnePreviousDek) {
  ASSERT_OK_AND_ASSIGN(std::string version, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, kSecond));
  ASSERT_THAT(Replace(version, kThird), IsOk());
  EXPECT_EQ(Current(), kThird);
  EXPECT_EQ(Previous(), kSecond);
}

TEST_P(DekStoreContract, ReplaceOfAnOldVersionIsAbortedAndChangesNothing) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_THAT(Replace(first, kSecond), IsOk());
  EXPECT_THAT(Replace(first, kThird), StatusIs(Code::kAborted));
  EXPECT_EQ(Current(), kSecond);
  EXPECT_EQ(Previous(), kFirst);
}

// The fence of a rotation (safety C): writing the same DEK again must refuse older writes.
TEST_P(DekStoreContract, ReplaceByTheSameDekChangesTheVersion) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(const std::string second, Replace(first, kFirst));
  EXPECT_NE(first, second);
  EXPECT_THAT(Replace(first, kThird), StatusIs(Code::kAborted));
  EXPECT_EQ(Current(), kFirst);
}

TEST_P(DekStoreContract, ReplaceByTheSameDekLeavesThePreviousOne) {
  ASSERT_OK_AND_ASSIGN(std::string version, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, kSecond));
  ASSERT_OK_AND_ASSIGN(version, Replace(version, kSecond));
  EXPECT_EQ(Previous(), kFirst);
  ASSERT_THAT(Replace(version, kThird), IsOk());
  EXPECT_EQ(Previous(), kSecond);
}

TEST_P(DekStoreContract, ReplaceOfNothingIsNotFound) {
  EXPECT_THAT(Replace("1", kSecond), StatusIs(Code::kNotFound));
  EXPECT_EQ(Current(), "NOT_FOUND");
}

TEST_P(DekStoreContract, PreviousDekIsNotOfTheCurrentVersion) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(const std::string second, Replace(first, kSecond));
  ASSERT_OK_AND_ASSIGN(const kms::StoredDek previous, store().FetchPrevious(context(), volume()));
  EXPECT_NE(previous.version, second);
}

TEST_P(DekStoreContract, RemovePreviousIsRepeatableAndLeavesTheCurrentDek) {
  EXPECT_THAT(store().RemovePrevious(context(), volume()), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_OK_AND_ASSIGN(const std::string second, Replace(first, kSecond));
  EXPECT_THAT(store().RemovePrevious(context(), volume()), IsOk());
  EXPECT_THAT(store().RemovePrevious(context(), volume()), IsOk());
  EXPECT_EQ(Previous(), "NOT_FOUND");
  EXPECT_EQ(Current(), kSecond);
  EXPECT_EQ(Version(), second);
}

TEST_P(DekStoreContract, RemoveIsRepeatableAndTakesBoth) {
  EXPECT_THAT(store().Remove(context(), volume()), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_THAT(Replace(first, kSecond), IsOk());
  EXPECT_THAT(store().Remove(context(), volume()), IsOk());
  EXPECT_EQ(Current(), "NOT_FOUND");
  EXPECT_EQ(Previous(), "NOT_FOUND");
  EXPECT_THAT(store().Remove(context(), volume()), IsOk());
}

TEST_P(DekStoreContract, CreateAfterRemoveStartsWithoutPrevious) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Create(kFirst));
  ASSERT_THAT(Replace(first, kSecond), IsOk());
  ASSERT_THAT(store().Remove(context(), volume()), IsOk());
  ASSERT_THAT(Create(kThird), IsOk());
  EXPECT_EQ(Current(), kThird);
  EXPECT_EQ(Previous(), "NOT_FOUND");
}

TEST_P(DekStoreContract, AnEndedContextStopsEveryWrite) {
  const Context ended(Context::Options{.is_cancelled = [] { return true; }});
  EXPECT_THAT(store().Create(ended, volume(), Secret(kFirst)), StatusIs(Code::kCancelled));
  EXPECT_EQ(Current(), "NOT_FOUND");
}

}  // namespace rbdcrypt::testing
