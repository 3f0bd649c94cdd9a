// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/config.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;
using testing::TempDir;

// The entries of a recorded cluster, and bad ones among them.
constexpr char kConfig[] = R"({
  "metadata": {"encryptionKMSType": "metadata", "secretName": "storage-encryption-secret"},
  "kmip": {"KMS_PROVIDER": "kmip", "KMIP_ENDPOINT": "127.0.0.1:5696", "READ_TIMEOUT": 60},
  "both": {"encryptionKMSType": "vault", "KMS_PROVIDER": "vaulttokens"},
  "none": {"vaultAddress": "http://127.0.0.1:18200"},
  "number": {"encryptionKMSType": 7},
  "text": "vault",
  "list": []
})";

TEST(ConfigTest, FindsAnEntryByEitherSpelling) {
  ASSERT_OK_AND_ASSIGN(const ConfigEntry metadata, FindEntry(kConfig, "metadata"));
  EXPECT_EQ(metadata.id, "metadata");
  EXPECT_EQ(metadata.provider, "metadata");
  EXPECT_EQ(metadata.options["secretName"], "storage-encryption-secret");
  ASSERT_OK_AND_ASSIGN(const ConfigEntry kmip, FindEntry(kConfig, "kmip"));
  EXPECT_EQ(kmip.provider, "kmip");
  EXPECT_EQ(kmip.options["READ_TIMEOUT"], 60);
}

TEST(ConfigTest, TheCamelCaseSpellingComesFirst) {
  ASSERT_OK_AND_ASSIGN(const ConfigEntry both, FindEntry(kConfig, "both"));
  EXPECT_EQ(both.provider, "vault");
}

TEST(ConfigTest, AnUnknownIdIsNamed) {
  EXPECT_THAT(FindEntry(kConfig, "vualt"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("\"vualt\""), HasSubstr("encryptionKMSID"))));
}

TEST(ConfigTest, EachBadEntryHasItsOwnErrorWithItsId) {
  EXPECT_THAT(
      FindEntry(kConfig, "none"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"none\""), HasSubstr("encryptionKMSType"),
                                             HasSubstr("KMS_PROVIDER"))));
  EXPECT_THAT(FindEntry(kConfig, "number"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("\"number\""), HasSubstr("encryptionKMSType"))));
  EXPECT_THAT(FindEntry(kConfig, "text"), StatusIs(Code::kInvalidArgument, HasSubstr("\"text\"")));
  EXPECT_THAT(FindEntry(kConfig, "list"), StatusIs(Code::kInvalidArgument, HasSubstr("\"list\"")));
}

TEST(ConfigTest, AMalformedTextIsNamedByOffsetNotByContent) {
  EXPECT_THAT(
      FindEntry(R"({"a": {"token": s3cret}})", "a"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("KMS configuration"), HasSubstr("byte 17"),
                                             Not(HasSubstr("s3cret")))));
}

TEST(ConfigTest, ATextThatIsNoObjectIsRefused) {
  for (const char* text : {"", "[]", "null", "7", "\"metadata\""}) {
    EXPECT_THAT(FindEntry(text, "metadata"), StatusIs(Code::kInvalidArgument)) << text;
  }
}

TEST(FileConfigSourceTest, ReadsTheFileAfreshForEveryCall) {
  const TempDir folder;
  FileConfigSource source(folder.Write("config.json", kConfig));
  EXPECT_THAT(source.Find(Context::Background(), "metadata"), IsOk());
  folder.Write("config.json", R"({"new": {"encryptionKMSType": "local"}})");
  EXPECT_THAT(source.Find(Context::Background(), "metadata"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(source.Find(Context::Background(), "new"), IsOk());
}

TEST(FileConfigSourceTest, AnAbsentFileHasNoEntries) {
  const TempDir folder;
  FileConfigSource source(folder.File("config.json"));
  EXPECT_THAT(source.Find(Context::Background(), "metadata"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr(folder.File("config.json")), HasSubstr("does not exist"),
                             HasSubstr("\"metadata\""))));
}

TEST(FileConfigSourceTest, ErrorsNameTheFile) {
  const TempDir folder;
  FileConfigSource source(folder.Write("config.json", "{"));
  EXPECT_THAT(source.Find(Context::Background(), "metadata"),
              StatusIs(Code::kInvalidArgument, HasSubstr(folder.File("config.json"))));
}

TEST(FileConfigSourceTest, AFolderInItsPlaceIsAnErrorNotAnEmptyConfiguration) {
  const TempDir folder;
  FileConfigSource source(folder.path());
  EXPECT_THAT(source.Find(Context::Background(), "metadata"),
              StatusIs(Code::kInvalidArgument, HasSubstr("cannot read")));
}

TEST(FileConfigSourceTest, AFileBeyondAConfigMapsSizeIsRefused) {
  const TempDir folder;
  FileConfigSource source(folder.Write("config.json", std::string(1024 * 1024 + 1, ' ')));
  EXPECT_THAT(source.Find(Context::Background(), "metadata"),
              StatusIs(Code::kInvalidArgument, HasSubstr("1 MiB")));
}

}  // namespace
}  // namespace rbdcrypt::kms
