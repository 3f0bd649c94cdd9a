// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/default_secret.h"
#include "tests/fakes/fake_kms.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

// Entries from a text; counts how often it is asked.
class TextSource final : public ConfigSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}

  Result<ConfigEntry> Find(const Context& /*context*/, std::string_view kms_id) override {
    ++asked_;
    return FindEntry(text_, kms_id);
  }

  Result<std::set<std::string>> Ids(const Context& /*context*/) override { return EntryIds(text_); }

  int asked() const { return asked_; }

 private:
  std::string text_;
  int asked_ = 0;
};

constexpr char kConfig[] = R"({
  "default": {"encryptionKMSType": "recorder"},
  "mine": {"encryptionKMSType": "recorder", "option": "value"},
  "theirs": {"encryptionKMSType": "Recorder"}
})";

class RegistryTest : public ::testing::Test {
 protected:
  Result<std::shared_ptr<Kms>> Open(std::string kms_id) {
    return registry_.Open(Context::Background(),
                          {.kms_id = std::move(kms_id), .tenant = "tenant-a", .secrets = secrets_});
  }

  TextSource source_{kConfig};
  RequestSecrets secrets_;
  ConfigEntry seen_;
  std::string tenant_;
  Registry registry_{source_,
                     {{"default", {.open = DefaultSecretProvider()}},
                      {"recorder",
                       {.open = [this](const Context&,
                                       const ConfigEntry& entry,
                                       const KmsRequest& request) -> Result<std::shared_ptr<Kms>> {
                          seen_ = entry;
                          tenant_ = request.tenant;
                          return std::make_shared<testing::FakeKms>();
                        },
                        .keeps_deks = false}}}};
};

TEST_F(RegistryTest, NoIdAndDefaultReadNoConfiguration) {
  for (const char* id : {"", "default"}) {
    ASSERT_OK_AND_ASSIGN(const auto kms, Open(id));
    EXPECT_EQ(kms->id(), "default");
    EXPECT_EQ(kms->provider(), "default");
  }
  EXPECT_EQ(source_.asked(), 0);
}

TEST_F(RegistryTest, WhoKeepsDeksIsKnownWithoutOpeningAnything) {
  EXPECT_THAT(registry_.KeepsDeks(Context::Background(), ""), IsOkAndHolds(true));
  EXPECT_THAT(registry_.KeepsDeks(Context::Background(), "mine"), IsOkAndHolds(false));
  EXPECT_THAT(registry_.KeepsDeks(Context::Background(), "absent"),
              StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(seen_.id, "");
}

TEST_F(RegistryTest, TellsItsEntriesAndTheirProviders) {
  EXPECT_THAT(registry_.Ids(Context::Background()),
              IsOkAndHolds(std::set<std::string>{"default", "mine", "theirs"}));
  EXPECT_THAT(registry_.ProviderOf(Context::Background(), "mine"),
              IsOkAndHolds(std::string("recorder")));
  EXPECT_THAT(registry_.ProviderOf(Context::Background(), "default"),
              IsOkAndHolds(std::string("default")));
  EXPECT_THAT(registry_.ProviderOf(Context::Background(), "absent"),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"absent\"")));
}

TEST_F(RegistryTest, KeysThatNobodyAdministersHereAreToldSo) {
  EXPECT_THAT(registry_.OpenAdmin(Context::Background(),
                                  {.kms_id = "mine", .tenant = "", .secrets = secrets_}),
              StatusIs(Code::kUnimplemented, AllOf(HasSubstr("\"mine\""), HasSubstr("recorder"))));
}

TEST_F(RegistryTest, HandsEntryAndTenantToTheProvider) {
  EXPECT_THAT(Open("mine"), IsOk());
  EXPECT_EQ(seen_.id, "mine");
  EXPECT_EQ(seen_.options["option"], "value");
  EXPECT_EQ(tenant_, "tenant-a");
}

TEST_F(RegistryTest, AnUnknownProviderIsNamedBesideTheKnownOnes) {
  EXPECT_THAT(Open("theirs"), StatusIs(Code::kInvalidArgument,
                                       AllOf(HasSubstr("\"theirs\""), HasSubstr("\"Recorder\""),
                                             HasSubstr("default, recorder"))));
}

TEST_F(RegistryTest, AMissingEntryIsTheSourcesError) {
  EXPECT_THAT(Open("nobodys"), StatusIs(Code::kInvalidArgument, HasSubstr("\"nobodys\"")));
}

TEST_F(RegistryTest, ConfigurationIsReadForEveryCall) {
  EXPECT_THAT(Open("mine"), IsOk());
  EXPECT_THAT(Open("mine"), IsOk());
  EXPECT_EQ(source_.asked(), 2);
}

}  // namespace
}  // namespace rbdcrypt::kms
