// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring_file.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/handle.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
using testing::TempDir;
using ::testing::UnorderedElementsAre;

constexpr std::chrono::system_clock::time_point kNow =
    std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);

std::vector<std::string> FilesIn(const TempDir& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

std::size_t CountVersions(const std::string& path) {
  const auto read = ReadRingFile(path);
  return read.ok() ? read->ring->Versions().size() : 0;
}

Status AddOne(LocalRing& ring) {
  return ring.AddVersion(256, kNow).status();
}

TEST(LocalRingFileTest, CreateMakesARingThatOnlyItsOwnerReads) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 192, kNow), IsOk());
  struct stat status = {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_OK_AND_ASSIGN(const StampedRing read, ReadRingFile(path));
  EXPECT_EQ(read.ring->Versions()[0].key_bits, 192);
  EXPECT_THAT(FilesIn(folder), UnorderedElementsAre("ring", "ring.lock"));
}

TEST(LocalRingFileTest, CreateLeavesAnExistingFileAlone) {
  const TempDir folder;
  const std::string path = folder.Write("ring", "whatever");
  EXPECT_THAT(CreateRingFile(path, 256, kNow), StatusIs(Code::kAlreadyExists, HasSubstr(path)));
  EXPECT_EQ(folder.Read("ring"), "whatever");
  EXPECT_THAT(FilesIn(folder), UnorderedElementsAre("ring", "ring.lock"));
}

TEST(LocalRingFileTest, OfManyCreatorsOneWins) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  std::vector<Status> results(8);
  std::vector<std::thread> creators;
  for (Status& result : results) {
    creators.emplace_back([&result, &path] { result = CreateRingFile(path, 256, kNow); });
  }
  for (std::thread& creator : creators) {
    creator.join();
  }
  EXPECT_EQ(std::ranges::count(results, true, [](const Status& s) { return s.ok(); }), 1);
  for (const Status& result : results) {
    EXPECT_TRUE(result.ok() || result.code() == Code::kAlreadyExists ||
                result.code() == Code::kAborted)
        << result;
  }
  EXPECT_EQ(CountVersions(path), 1U);
  EXPECT_THAT(FilesIn(folder), UnorderedElementsAre("ring", "ring.lock"));
}

TEST(LocalRingFileTest, UpdateReplacesTheFile) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  ASSERT_OK_AND_ASSIGN(const StampedRing before, ReadRingFile(path));
  ASSERT_THAT(UpdateRingFile(path, AddOne), IsOk());
  ASSERT_OK_AND_ASSIGN(const StampedRing after, ReadRingFile(path));
  EXPECT_EQ(after.ring->id(), before.ring->id());
  EXPECT_EQ(after.ring->Versions().size(), 2U);
  EXPECT_NE(after.stamp, before.stamp);
}

TEST(LocalRingFileTest, AFailedEditChangesNothing) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  const std::string before = folder.Read("ring");
  EXPECT_THAT(UpdateRingFile(path, [](LocalRing& ring) { return ring.Prune(1); }),
              StatusIs(Code::kFailedPrecondition));
  EXPECT_EQ(folder.Read("ring"), before);
}

TEST(LocalRingFileTest, AnotherWriterMeansAborted) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  const UniqueFd other(::open((path + ".lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_THAT(UpdateRingFile(path, AddOne), StatusIs(Code::kAborted, HasSubstr(path)));
  EXPECT_THAT(CreateRingFile(path, 256, kNow), StatusIs(Code::kAborted));
  EXPECT_EQ(CountVersions(path), 1U);
}

TEST(LocalRingFileTest, LeftoversOfAKilledWriterAreRemoved) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  folder.Write("ring.tmp.0123456789abcdef", "half a ring");
  folder.Write("ring2.tmp.0123456789abcdef", "another's");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  EXPECT_THAT(FilesIn(folder),
              UnorderedElementsAre("ring", "ring.lock", "ring2.tmp.0123456789abcdef"));
}

TEST(LocalRingFileTest, AMissingFileIsUnavailable) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  const auto missing = StatusIs(Code::kUnavailable, HasSubstr(path));
  EXPECT_THAT(ReadRingFile(path), missing);
  EXPECT_THAT(StampRingFile(path), missing);
  EXPECT_THAT(UpdateRingFile(path, AddOne), missing);
  EXPECT_THAT(CreateRingFile(folder.File("no/such/ring"), 256, kNow),
              StatusIs(Code::kUnavailable, HasSubstr("mounted")));
}

TEST(LocalRingFileTest, AFileOpenToOthersIsRefused) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  for (const mode_t mode : {0640U, 0620U, 0604U, 0602U, 0777U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(ReadRingFile(path),
                StatusIs(Code::kInvalidArgument, AllOf(HasSubstr(path), HasSubstr("chmod 600"))));
  }
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_THAT(ReadRingFile(path), IsOk());
}

TEST(LocalRingFileTest, AnotherUsersFileIsRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give a file away";
  }
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  ASSERT_EQ(::chown(path.c_str(), 12345, 0), 0);
  EXPECT_THAT(ReadRingFile(path), StatusIs(Code::kInvalidArgument, HasSubstr("uid 12345")));
}

TEST(LocalRingFileTest, WhatIsNoRingIsRefusedAndNamed) {
  const TempDir folder;
  const std::string other = folder.Write("other", "not a ring");
  ASSERT_EQ(::chmod(other.c_str(), 0600), 0);
  EXPECT_THAT(ReadRingFile(other), StatusIs(Code::kInvalidArgument, HasSubstr(other)));
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  EXPECT_THAT(ReadRingFile(folder.path()),
              StatusIs(Code::kInvalidArgument, HasSubstr("regular file")));
  const std::string large = folder.Write("large", std::string(kMaxRingTextBytes + 1, 'x'));
  ASSERT_EQ(::chmod(large.c_str(), 0600), 0);
  EXPECT_THAT(ReadRingFile(large), StatusIs(Code::kInvalidArgument, HasSubstr("too large")));
}

TEST(LocalRingFileTest, ADamagedRingIsDataLossAndKeepsItsKeysOutOfTheText) {
  const TempDir folder;
  const std::string path = folder.File("ring");
  ASSERT_THAT(CreateRingFile(path, 256, kNow), IsOk());
  std::string text = folder.Read("ring");
  const std::string key = text.substr(text.find(" 256 ") + 5, 64);
  text[text.find(key)] = text[text.find(key)] == '0' ? '1' : '0';
  folder.Write("ring", text);
  const auto read = ReadRingFile(path);
  EXPECT_THAT(read, StatusIs(Code::kDataLoss, AllOf(HasSubstr(path), HasSubstr("backup"))));
  EXPECT_THAT(Message(read.status()), ::testing::Not(HasSubstr(key.substr(1, 8))));
  EXPECT_THAT(UpdateRingFile(path, AddOne), StatusIs(Code::kDataLoss));
  EXPECT_EQ(folder.Read("ring"), text);
}

}  // namespace
}  // namespace rbdcrypt::kms
