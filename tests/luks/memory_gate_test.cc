// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/memory_gate.h"

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
using testing::TempDir;

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kGibibyte = 1024 * kMebibyte;

const Context& Background() {
  static const Context context = Context::Background();
  return context;
}

// A root folder with `mebibytes` available on the host and no cgroup limit.
void WriteMeminfo(const TempDir& root, std::uint64_t mebibytes) {
  root.Write("proc/meminfo", "MemTotal:       99999999 kB\nMemFree:  1 kB\nMemAvailable:   " +
                                 std::to_string(mebibytes * 1024) + " kB\nBuffers: 7 kB\n");
}

TEST(MemoryGateTest, CheapSlotsPassWithoutAnyReading) {
  MemoryGate gate("/nonexistent");
  EXPECT_THAT(gate.Enter(Background(), 0), IsOk());
  EXPECT_THAT(gate.Enter(Background(), 64 * kMebibyte), IsOk());
}

// Many volumes of KMS default, 32 MiB each, staged at once after a restart.
TEST(MemoryGateTest, CheapSlotsShareABudget) {
  testing::FakeClock clock;
  MemoryGate gate("/nonexistent");
  std::vector<MemoryGate::Pass> passes;
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK_AND_ASSIGN(MemoryGate::Pass pass, gate.Enter(Background(), 32 * kMebibyte));
    passes.push_back(std::move(pass));
  }
  const Context hasty({.clock = &clock, .deadline = clock.Now()});
  EXPECT_THAT(gate.Enter(hasty, 32 * kMebibyte), StatusIs(Code::kDeadlineExceeded));
  EXPECT_THAT(gate.Enter(Background(), 0), IsOk());
  passes.pop_back();
  EXPECT_THAT(gate.Enter(Background(), 32 * kMebibyte), IsOk());
}

TEST(MemoryGateTest, ExpensiveSlotPassesWhereTheHostHasMemoryAndReserve) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 1024 + 64);
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), IsOk());
  WriteMeminfo(root, 1024 + 63);
  EXPECT_THAT(gate.Enter(Background(), kGibibyte),
              StatusIs(Code::kUnavailable, AllOf(HasSubstr("1024 MiB"), HasSubstr("1087 MiB"))));
}

TEST(MemoryGateTest, UnknownMemoryIsRefusedNotGuessed) {
  MemoryGate gate("/nonexistent");
  EXPECT_THAT(gate.Enter(Background(), kGibibyte),
              StatusIs(Code::kUnavailable, HasSubstr("MemAvailable")));
}

TEST(MemoryGateTest, ContainerLimitThatNeverFitsIsFinal) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 8192);
  root.Write("proc/self/cgroup", "0::/\n");
  root.Write("sys/fs/cgroup/memory.max", "536870912\n");
  root.Write("sys/fs/cgroup/memory.current", "1048576\n");
  EXPECT_THAT(gate.Enter(Background(), kGibibyte),
              StatusIs(Code::kResourceExhausted,
                       AllOf(HasSubstr("512 MiB"), HasSubstr("raise its memory limit"))));
}

TEST(MemoryGateTest, ContainerInUseIsRefusedForNow) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 8192);
  root.Write("sys/fs/cgroup/memory.max", std::to_string(2 * kGibibyte));
  root.Write("sys/fs/cgroup/memory.current", std::to_string(kGibibyte));
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), StatusIs(Code::kUnavailable));
  // Half of it is page cache that the kernel gives back.
  root.Write("sys/fs/cgroup/memory.stat",
             "anon 536870912\ninactive_file 536870912\nactive_file 0\n");
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), IsOk());
}

TEST(MemoryGateTest, NoLimitIsNone) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 8192);
  root.Write("sys/fs/cgroup/memory.max", "max\n");
  root.Write("sys/fs/cgroup/memory.current", "99999999999999\n");
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), IsOk());
}

TEST(MemoryGateTest, StrictestLimitOnTheWayUpCounts) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 8192);
  root.Write("proc/self/cgroup", "1:name=systemd:/x\n0::/kubepods/pod1/box\n");
  root.Write("sys/fs/cgroup/kubepods/pod1/memory.max", std::to_string(128 * kMebibyte));
  root.Write("sys/fs/cgroup/kubepods/pod1/box/memory.max", std::to_string(4 * kGibibyte));
  root.Write("sys/fs/cgroup/kubepods/pod1/box/memory.current", "0\n");
  EXPECT_THAT(gate.Enter(Background(), kGibibyte),
              StatusIs(Code::kResourceExhausted, HasSubstr("128 MiB")));
}

TEST(MemoryGateTest, SecondExpensiveTestWaitsForTheFirst) {
  const TempDir root;
  WriteMeminfo(root, 8192);
  MemoryGate gate(root.path());
  std::optional<MemoryGate::Pass> first;
  { ASSERT_OK_AND_ASSIGN(first, gate.Enter(Background(), kGibibyte)); }
  std::atomic<bool> is_in{false};
  std::atomic<int> asked{0};
  // The waiter asks its context again and again while it waits.
  const Context counting(
      {.clock = &Background().clock(), .is_cancelled = [&] { return ++asked, false; }});
  std::thread second([&] {
    const Result<MemoryGate::Pass> pass = gate.Enter(counting, kGibibyte);
    EXPECT_THAT(pass, IsOk());
    is_in = true;
  });
  while (asked < 2) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(is_in);
  EXPECT_THAT(gate.Enter(Background(), kMebibyte), IsOk());
  first.reset();
  second.join();
  EXPECT_TRUE(is_in);
}

TEST(MemoryGateTest, WaiterGivesUpWithItsCaller) {
  const TempDir root;
  WriteMeminfo(root, 8192);
  MemoryGate gate(root.path());
  ASSERT_OK_AND_ASSIGN(const MemoryGate::Pass pass, gate.Enter(Background(), kGibibyte));
  int asked = 0;
  const Context cancelled(
      {.clock = &Background().clock(), .is_cancelled = [&] { return ++asked > 1; }});
  EXPECT_THAT(gate.Enter(cancelled, kGibibyte), StatusIs(Code::kCancelled));
}

TEST(MemoryGateTest, RefusalLeavesTheGateOpen) {
  const TempDir root;
  MemoryGate gate(root.path());
  WriteMeminfo(root, 100);
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), StatusIs(Code::kUnavailable));
  WriteMeminfo(root, 8192);
  EXPECT_THAT(gate.Enter(Background(), kGibibyte), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
