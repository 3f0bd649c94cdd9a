// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_daemon.h"

#include <chrono>
#include <csignal>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/attach/small_file.h"
#include "tests/attach/full_socket.h"
#include "tests/attach/no_more_files.h"
#include "tests/fakes/fake_subprocess.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::FakeSubprocess;
using ::rbdcrypt::testing::FullSocket;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::NoMoreFiles;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A process with the command line of a daemon in `folder`, which listens to nobody.
class DeafDaemon {
 public:
  explicit DeafDaemon(const std::string& folder) {
    std::string name = Cat("qemu,path=", folder, "/qmp.sock");
    std::string argument = "3600";
    char* argv[] = {name.data(), argument.data(), nullptr};
    RBDCRYPT_CHECK(posix_spawn(&pid_, "/bin/sleep", nullptr, nullptr, argv, environ) == 0);
    // The kernel lets us go on a moment before the new arguments show.
    while (ReadFile(Cat("/proc/", pid_, "/cmdline")).value_or("").empty()) {
    }
  }

  // Waits for its end and returns the signal that it died by.
  int Reap() {
    int status = 0;
    waitpid(pid_, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

TEST(QemuDaemonTest, StartGivesNothingButTheMonitorsSocket) {
  FakeSubprocess programs;
  programs.Answer("qemu-storage-daemon", {});
  const TempDir folder;
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.Start(Context::Background()), IsOk());
  EXPECT_THAT(programs.CommandLines(),
              ElementsAre(Cat(
                  "qemu-storage-daemon --daemonize --chardev socket,id=qmp,path=", folder.path(),
                  "/qmp.sock,server=on,wait=off --monitor chardev=qmp")));
  EXPECT_THAT(programs.StandardInputs(), ElementsAre(""));
}

TEST(QemuDaemonTest, StartThatFailsHasTheLastWords) {
  FakeSubprocess programs;
  programs.Answer("qemu-storage-daemon",
                  {.exit_code = 1, .standard_error = "Failed to bind socket"});
  QemuDaemon daemon(programs, "/nonexistent", "");
  EXPECT_THAT(daemon.Start(Context::Background()),
              StatusIs(Code::kInternal, HasSubstr("Failed to bind socket")));
}

TEST(QemuDaemonTest, NoneRunsWhereNoneWasStarted) {
  FakeSubprocess programs;
  const TempDir folder;
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.IsRunning(), IsOkAndHolds(false));
  EXPECT_THAT(daemon.Stop(Context::Background()), IsOk());
  EXPECT_THAT(daemon.ReachableExportPath(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(daemon.Connect(Context::Background()), StatusIs(Code::kUnavailable));
}

TEST(QemuDaemonTest, IsKnownByItsFolderAndReachedThroughItsRoot) {
  FakeSubprocess programs;
  const TempDir folder;
  const TempDir other;
  DeafDaemon process(folder.path());
  EXPECT_THAT(QemuDaemon(programs, other.path(), "").IsRunning(), IsOkAndHolds(false));
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.IsRunning(), IsOkAndHolds(true));
  EXPECT_THAT(daemon.ReachableExportPath(),
              IsOkAndHolds(Cat("/proc/", process.pid(), "/root", folder.path(), "/export")));
  kill(process.pid(), SIGKILL);
  process.Reap();
}

TEST(QemuDaemonTest, OneThatDoesNotListenIsKilled) {
  FakeSubprocess programs;
  const TempDir folder;
  DeafDaemon process(folder.path());
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.Stop(Context::Background()), IsOk());
  EXPECT_THAT(daemon.IsRunning(), IsOkAndHolds(false));
  EXPECT_EQ(process.Reap(), SIGKILL);
}

// Safety A4: its folder would be removed while it lives.
TEST(QemuDaemonTest, ProcessesThatCannotBeListedAreNotGone) {
  FakeSubprocess programs;
  const TempDir folder;
  QemuDaemon daemon(programs, folder.path(), "");
  const NoMoreFiles none;
  EXPECT_THAT(daemon.IsRunning(), StatusIs(Code::kUnavailable));
  EXPECT_THAT(daemon.Stop(Context::Background()), StatusIs(Code::kUnavailable));
}

// Whatever the context allows: 10 s here, of which the peaceful end may take half.
TEST(QemuDaemonTest, OneThatHangsIsKilledWithinTheCallersTime) {
  FakeSubprocess programs;
  const TempDir folder;
  const FullSocket socket(folder.File("qmp.sock"));
  DeafDaemon process(folder.path());
  QemuDaemon daemon(programs, folder.path(), "");
  FakeClock clock;
  const Context context({.clock = &clock, .deadline = clock.Now() + std::chrono::seconds(10)});
  EXPECT_THAT(daemon.Stop(context), IsOk());
  EXPECT_EQ(process.Reap(), SIGKILL);
}

TEST(QemuDaemonTest, ControlGroupThatDoesNotTakeItIsAnError) {
  FakeSubprocess programs;
  programs.Answer("qemu-storage-daemon", {});
  const TempDir folder;
  DeafDaemon process(folder.path());
  QemuDaemon daemon(programs, folder.path(), folder.File("no-such-group"));
  EXPECT_THAT(daemon.Start(Context::Background()),
              StatusIs(Code::kNotFound, HasSubstr("no-such-group")));
  const std::string procs = folder.Write("group/cgroup.procs", "");
  EXPECT_THAT(
      QemuDaemon(programs, folder.path(), folder.File("group")).Start(Context::Background()),
      IsOk());
  EXPECT_EQ(folder.Read("group/cgroup.procs"), Cat(process.pid()));
  kill(process.pid(), SIGKILL);
  process.Reap();
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
