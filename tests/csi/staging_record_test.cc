// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/staging_record.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using rbdcrypt::testing::TempDir;
using ::testing::HasSubstr;

std::string Recorded(const std::string& name) {
  std::ifstream file(Cat(RBDCRYPT_VECTORS, "/staging/", name, ".image-meta.json"));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(StagingRecordTest, ReadsAndRewritesCephCsisFilesToTheByte) {
  for (const char* name :
       {"v-default", "v-kmip", "v-metadata", "v-tenantsa", "v-vault-kv2", "v-vaulttokens-kv1"}) {
    const std::string text = Recorded(name);
    ASSERT_FALSE(text.empty()) << name;
    ASSERT_OK_AND_ASSIGN(const ImageMeta meta, ParseImageMeta(text));
    EXPECT_EQ(meta.pool, "rbd");
    EXPECT_TRUE(meta.encrypted);
    EXPECT_FALSE(meta.is_rbd_nbd);
    EXPECT_THAT(meta.image, HasSubstr("csi-vol-"));
    EXPECT_EQ(FormatImageMeta(meta), text);
  }
}

TEST(StagingRecordTest, EscapesAsGoDoes) {
  ImageMeta meta;
  meta.pool = "a<b>&\"c";
  meta.image = "i";
  EXPECT_THAT(FormatImageMeta(meta), HasSubstr(R"("pool":"a\u003cb\u003e\u0026\"c")"));
  ASSERT_OK_AND_ASSIGN(const ImageMeta read, ParseImageMeta(FormatImageMeta(meta)));
  EXPECT_EQ(read, meta);
}

TEST(StagingRecordTest, OldAndNewerFilesOfCephCsiAreRead) {
  ASSERT_OK_AND_ASSIGN(const ImageMeta old,
                       ParseImageMeta(R"({"Version":1,"pool":"p","image":"i","accessType":true})"));
  EXPECT_TRUE(old.is_rbd_nbd);
  EXPECT_FALSE(old.encrypted);
  ASSERT_OK_AND_ASSIGN(
      const ImageMeta newer,
      ParseImageMeta(R"({"Version":9,"pool":"p","image":"i","encrypted":true,"more":{"x":[1]}})"));
  EXPECT_TRUE(newer.encrypted);
}

TEST(StagingRecordTest, HostileTextIsDamageNotAPath) {
  for (const char* text :
       {"", "{", "[]", "null", "\"x\"", "{}", R"({"pool":"p"})", R"({"pool":"","image":"i"})",
        R"({"pool":"p","image":7})", R"({"pool":"p","image":"i","encrypted":"true"})",
        R"({"pool":"p/../q","image":"i"})", R"({"pool":"p","image":"a/b"})",
        R"({"pool":"p","image":"i","radosNamespace":"x/y"})", R"({"pool":"p","image":"a\u0000b"})",
        R"({"pool":"p","image":"a\nb"})"}) {
    EXPECT_THAT(ParseImageMeta(text), StatusIs(Code::kDataLoss, HasSubstr("image-meta.json")))
        << text;
  }
  for (const char* text : {"", "[]", "{}", R"({"volumeID":"v"})", R"({"attacher":"krbd"})",
                           R"({"volumeID":1,"attacher":"krbd"})",
                           R"({"volumeID":"v","attacher":"krbd","block":"yes"})"}) {
    EXPECT_THAT(ParseStageIntent(text), StatusIs(Code::kDataLoss, HasSubstr("rbdcrypt-stage.json")))
        << text;
  }
  EXPECT_THAT(ParseImageMeta(std::string(10000, '[')), StatusIs(Code::kDataLoss));
}

TEST(StagingRecordTest, AnotherVersionsRecordIsNotGuessedAt) {
  std::string text = FormatStageIntent({.volume_id = "0001-volume",
                                        .attacher = "krbd",
                                        .is_block = false,
                                        .is_read_only = false,
                                        .fs_type = "ext4"});
  ASSERT_TRUE(ParseStageIntent(text).ok());
  const std::string version = "\"version\":1";
  text.replace(text.find(version), version.size(), "\"version\":2");
  EXPECT_THAT(ParseStageIntent(text), StatusIs(Code::kDataLoss, HasSubstr("version 2")));
}

TEST(StagingRecordTest, RecordOfAReleaseThatDidNotAskForTheClusterIsRead) {
  ASSERT_OK_AND_ASSIGN(const StageIntent old,
                       ParseStageIntent(R"({"version":1,"volumeID":"v","attacher":"krbd"})"));
  EXPECT_EQ(old.cluster_fsid, "");
}

TEST(StagingRecordTest, NothingIsThereAtFirst) {
  const TempDir dir;
  const StagingRecord record(dir.path());
  ASSERT_OK_AND_ASSIGN(const auto meta, record.ReadImageMeta());
  EXPECT_FALSE(meta.has_value());
  ASSERT_OK_AND_ASSIGN(const auto intent, record.ReadIntent());
  EXPECT_FALSE(intent.has_value());
  EXPECT_THAT(record.Remove(), IsOk());
}

TEST(StagingRecordTest, WhatIsWrittenIsReadAndRemoved) {
  const TempDir dir;
  const StagingRecord record(dir.path());
  ImageMeta meta;
  meta.pool = "rbd";
  meta.rados_namespace = "ns";
  meta.image = "csi-vol-1";
  meta.encrypted = true;
  const StageIntent intent = {.volume_id = "v",
                              .attacher = "qemu",
                              .is_block = false,
                              .is_read_only = true,
                              .fs_type = "xfs",
                              .cluster_fsid = "fsid"};
  ASSERT_THAT(record.WriteIntent(intent), IsOk());
  ASSERT_THAT(record.WriteImageMeta(meta), IsOk());
  // A temporary file that a crash left is in nobody's way.
  dir.Write("image-meta.json.tmp", "half");
  ASSERT_THAT(record.WriteImageMeta(meta), IsOk());

  ASSERT_OK_AND_ASSIGN(const auto read_meta, record.ReadImageMeta());
  EXPECT_EQ(read_meta, meta);
  ASSERT_OK_AND_ASSIGN(const auto read_intent, record.ReadIntent());
  EXPECT_EQ(read_intent, intent);

  struct stat info {};

  ASSERT_EQ(::stat(dir.File("image-meta.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);

  dir.Write("image-meta.json.tmp", "half");
  ASSERT_THAT(record.Remove(), IsOk());
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(StagingRecordTest, DamagedFilesAreNamed) {
  const TempDir dir;
  const StagingRecord record(dir.path());
  const std::string path = dir.Write("image-meta.json", std::string(kMaxRecordBytes + 1, ' '));
  EXPECT_THAT(record.ReadImageMeta(), StatusIs(Code::kDataLoss, HasSubstr(path)));
  dir.Write("image-meta.json", "{}");
  EXPECT_THAT(record.ReadImageMeta(), StatusIs(Code::kDataLoss, HasSubstr(path)));
}

TEST(StagingRecordTest, LinksAreNotFollowed) {
  const TempDir dir;
  std::filesystem::create_symlink(dir.Write("elsewhere", "{}"), dir.File("image-meta.json"));
  EXPECT_FALSE(StagingRecord(dir.path()).ReadImageMeta().ok());
}

TEST(StagingRecordTest, MissingStagingPathIsNotFound) {
  const TempDir dir;
  EXPECT_THAT(StagingRecord(dir.File("none")).WriteIntent({}), StatusIs(Code::kNotFound));
}

}  // namespace
}  // namespace rbdcrypt::csi
