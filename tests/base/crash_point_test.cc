// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/crash_point.h"

#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;

TEST(CrashPointTest, StatusPassesUnchanged) {
  EXPECT_THAT(AfterEffect("test.ok", OkStatus()), IsOk());
  const Status error = Aborted("lost");
  EXPECT_EQ(AfterEffect("test.error", error), error);
}

#ifdef RBDCRYPT_CRASH_POINTS

TEST(CrashPointTest, ObserverHearsOfSuccessfulEffectsOnly) {
  std::vector<std::string> heard;
  ObserveCrashPointsForTest(
      [](void* argument, std::string_view name) {
        static_cast<std::vector<std::string>*>(argument)->emplace_back(name);
      },
      &heard);
  EXPECT_THAT(AfterEffect("observed.one", OkStatus()), IsOk());
  EXPECT_THAT(AfterEffect("observed.two", Internal("no effect")), StatusIs(Code::kInternal));
  EXPECT_THAT(AfterEffect("observed.three", OkStatus()), IsOk());
  ObserveCrashPointsForTest(nullptr, nullptr);
  EXPECT_THAT(AfterEffect("observed.four", OkStatus()), IsOk());
  EXPECT_THAT(heard, ElementsAre("observed.one", "observed.three"));
}

// Runs `body` in a child with one variable set; the child exits with what it returns.
pid_t Fork(const char* variable, const char* value, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(variable, value, 1);
    ::_exit(body());
  }
  return child;
}

int Wait(pid_t child) {
  int wait_status = 0;
  EXPECT_EQ(::waitpid(child, &wait_status, WUNTRACED), child);
  return wait_status;
}

// Passes the point `name` that often and exits with how often it came through.
pid_t ForkAndPass(const char* variable, const char* value, const char* name, int times) {
  return Fork(variable, value, [name, times] {
    int passed = 0;
    for (; passed < times; ++passed) {
      if (!AfterEffect(name, OkStatus()).ok()) {
        return 100;
      }
    }
    return passed;
  });
}

bool WasKilled(pid_t child) {
  const int wait_status = Wait(child);
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

int ExitCode(pid_t child) {
  const int wait_status = Wait(child);
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
}

TEST(CrashPointTest, NamedPointKillsAtItsFirstPassing) {
  EXPECT_TRUE(WasKilled(ForkAndPass("RBDCRYPT_CRASH_AT", "kill.here", "kill.here", 1)));
}

TEST(CrashPointTest, OtherPointsDoNotKill) {
  EXPECT_EQ(ExitCode(ForkAndPass("RBDCRYPT_CRASH_AT", "kill.here", "kill.her", 3)), 3);
  EXPECT_EQ(ExitCode(ForkAndPass("RBDCRYPT_CRASH_AT", "kill.here", "kill.here2", 3)), 3);
  EXPECT_EQ(ExitCode(ForkAndPass("RBDCRYPT_CRASH_AT", "", "kill.here", 3)), 3);
}

TEST(CrashPointTest, NumberedPointKillsAtThatPassing) {
  EXPECT_EQ(ExitCode(ForkAndPass("RBDCRYPT_CRASH_AT", "kill.third#3", "kill.third", 2)), 2);
  EXPECT_TRUE(WasKilled(ForkAndPass("RBDCRYPT_CRASH_AT", "kill.third#3", "kill.third", 3)));
}

TEST(CrashPointTest, FailedEffectIsNoPassing) {
  const pid_t child = Fork("RBDCRYPT_CRASH_AT", "kill.failed", [] {
    return AfterEffect("kill.failed", Aborted("no effect")).ok() ? 1 : 0;
  });
  EXPECT_EQ(ExitCode(child), 0);
}

TEST(CrashPointTest, StopPointStopsAndGoesOnWhenContinued) {
  const pid_t child = ForkAndPass("RBDCRYPT_STOP_AT", "stop.here#2", "stop.here", 3);
  const int wait_status = Wait(child);
  ASSERT_TRUE(WIFSTOPPED(wait_status));
  EXPECT_EQ(WSTOPSIG(wait_status), SIGSTOP);
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  EXPECT_EQ(ExitCode(child), 3);
}

#endif  // RBDCRYPT_CRASH_POINTS

}  // namespace
}  // namespace rbdcrypt
