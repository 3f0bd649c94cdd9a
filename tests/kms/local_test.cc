// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/local_ring_file.h"
#include "kms/local_text.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using testing::FakeClock;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
using testing::TempDir;

constexpr std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

class LocalTest : public ::testing::Test {
 protected:
  Result<std::shared_ptr<Kms>> Build(const Json& options) {
    const ConfigEntry entry{.id = "my-kms", .provider = "local", .options = options};
    return provider_(context_, entry, {.kms_id = "my-kms", .tenant = "", .secrets = secrets_});
  }

  Result<std::string> Wrap(Kms& kms) {
    return kms.wrapper()->WrapDek(context_, "v", Secret("dek"));
  }

  FakeClock clock_;
  Context context_{{.clock = &clock_}};
  RequestSecrets secrets_;
  TempDir folder_;
  std::string path_ = folder_.File("ring");
  ProviderFactory provider_ = LocalProvider();
};

TEST_F(LocalTest, ReadsItsOptionsInBothSpellings) {
  ASSERT_OK_AND_ASSIGN(
      const auto camel,
      Build({{"encryptionKMSType", "local"}, {"localKeyFile", path_}, {"localDekBits", "128"}}));
  EXPECT_EQ(camel->id(), "my-kms");
  EXPECT_EQ(camel->provider(), "local");
  EXPECT_EQ(camel->dek_bytes(), 16U);
  ASSERT_OK_AND_ASSIGN(
      const auto upper,
      Build({{"KMS_PROVIDER", "local"}, {"LOCAL_KEY_FILE", path_}, {"LOCAL_DEK_BITS", "192"}}));
  EXPECT_EQ(upper->dek_bytes(), 24U);
  ASSERT_OK_AND_ASSIGN(const auto plain, Build({{"localKeyFile", path_}}));
  EXPECT_EQ(plain->dek_bytes(), 32U);
}

TEST_F(LocalTest, BadOptionsAreNamedWithTheKms) {
  const struct {
    Json options;
    std::string named;
  } cases[] = {
      {Json::object(), "localKeyFile"},
      {{{"localKeyFile", "relative/ring"}}, "absolute"},
      {{{"localKeyFile", 7}}, "localKeyFile"},
      {{{"localKeyFile", path_}, {"localKeyBits", "512"}}, "localKeyBits"},
      {{{"localKeyFile", path_}, {"localKeyBits", 256}}, "localKeyBits"},
      {{{"localKeyFile", path_}, {"localDekBits", ""}}, "localDekBits"},
      {{{"localKeyFile", path_}, {"createIfMissing", "yes"}}, "createIfMissing"},
      {{{"localKeyFile", path_}, {"createIfMising", "true"}}, "createIfMising"},
  };

  for (const auto& each : cases) {
    EXPECT_THAT(Build(each.options), StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"my-kms\""),
                                                                            HasSubstr(each.named))))
        << each.options;
  }
}

TEST_F(LocalTest, AMissingRingIsUnavailableUnlessItMayBeMade) {
  ASSERT_OK_AND_ASSIGN(const auto kms, Build({{"localKeyFile", path_}}));
  EXPECT_THAT(Wrap(*kms),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("volume v"), HasSubstr("\"my-kms\""), HasSubstr(path_))));
  EXPECT_EQ(folder_.Read("ring"), "");
}

TEST_F(LocalTest, TheFirstWrapMakesTheRingWithTheBitsAskedFor) {
  ASSERT_OK_AND_ASSIGN(
      const auto kms,
      Build({{"localKeyFile", path_}, {"createIfMissing", "true"}, {"localKeyBits", "192"}}));
  EXPECT_EQ(folder_.Read("ring"), "");
  ASSERT_THAT(Wrap(*kms), IsOk());
  ASSERT_OK_AND_ASSIGN(const StampedRing made, ReadRingFile(path_));
  EXPECT_EQ(made.ring->Versions()[0].key_bits, 192);
  ASSERT_THAT(Wrap(*kms), IsOk());
  ASSERT_OK_AND_ASSIGN(const StampedRing later, ReadRingFile(path_));
  EXPECT_EQ(later.stamp, made.stamp);
}

TEST_F(LocalTest, UnwrappingNeverMakesARing) {
  ASSERT_THAT(CreateRingFile(path_, 256, kNow), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto kms,
                       Build({{"localKeyFile", path_}, {"createIfMissing", "true"}}));
  ASSERT_OK_AND_ASSIGN(const std::string wrapped, Wrap(*kms));
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_THAT(kms->wrapper()->UnwrapDek(context_, "v", wrapped), StatusIs(Code::kUnavailable));
  EXPECT_EQ(folder_.Read("ring"), "");
}

TEST_F(LocalTest, ABadlyKeptRingIsNeverReplaced) {
  folder_.Write("ring", "something else");
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  ASSERT_OK_AND_ASSIGN(const auto kms,
                       Build({{"localKeyFile", path_}, {"createIfMissing", "true"}}));
  EXPECT_THAT(Wrap(*kms), StatusIs(Code::kInvalidArgument, HasSubstr("chmod")));
  EXPECT_EQ(folder_.Read("ring"), "something else");
}

TEST_F(LocalTest, ARotatedRingWrapsWithTheNewKeyAndStillOpensTheOld) {
  ASSERT_THAT(CreateRingFile(path_, 256, kNow), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto kms, Build({{"localKeyFile", path_}}));
  ASSERT_OK_AND_ASSIGN(const std::string before, Wrap(*kms));
  ASSERT_THAT(
      UpdateRingFile(path_, [](LocalRing& ring) { return ring.AddVersion(256, kNow).status(); }),
      IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string after, Wrap(*kms));
  EXPECT_EQ(ParseLocalText(before)->key_version, 1U);
  EXPECT_EQ(ParseLocalText(after)->key_version, 2U);
  EXPECT_THAT(kms->wrapper()->UnwrapDek(context_, "v", before), IsOk());
  ASSERT_THAT(UpdateRingFile(path_, [](LocalRing& ring) { return ring.Prune(1); }), IsOk());
  EXPECT_THAT(kms->wrapper()->UnwrapDek(context_, "v", before),
              StatusIs(Code::kNotFound, AllOf(HasSubstr("volume v"), HasSubstr("\"my-kms\""))));
}

}  // namespace
}  // namespace rbdcrypt::kms
