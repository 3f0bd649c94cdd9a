// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_daemon.h"

#include <chrono>
#include <csignal>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/attach/small_file.h"
#include "tests/attach/full_socket.h"
#include "tests/attach/no_more_files.h"
#include "tests/attach/qmp_server.h"
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
using ::rbdcrypt::testing::QmpServer;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::WithoutFiles;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A process with the command line of a daemon in `folder`, which listens to nobody; of our own user
// or of `user`.
class DeafDaemon {
 public:
  explicit DeafDaemon(const std::string& folder, uid_t user = geteuid()) {
    std::string name = Cat("qemu,path=", folder, "/qmp.sock");
    std::string argument = "3600";
    char* argv[] = {name.data(), argument.data(), nullptr};
    pid_ = fork();
    if (pid_ == 0) {
      if (setresuid(user, user, user) == 0) {
        execv("/bin/sleep", argv);
      }
      _exit(1);
    }
    RBDCRYPT_CHECK(pid_ > 0);
    // Its arguments are ours until it has gone over to the other program.
    while (ReadFile(Cat("/proc/", pid_, "/cmdline")).value_or("").find(name) == std::string::npos) {
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
  EXPECT_THAT(daemon.OpenExport(Context::Background(), O_RDONLY), StatusIs(Code::kUnavailable));
  EXPECT_THAT(daemon.Connect(Context::Background()), StatusIs(Code::kUnavailable));
}

TEST(QemuDaemonTest, IsKnownByItsFolder) {
  FakeSubprocess programs;
  const TempDir folder;
  const TempDir other;
  DeafDaemon process(folder.path());
  EXPECT_THAT(QemuDaemon(programs, other.path(), "").IsRunning(), IsOkAndHolds(false));
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.IsRunning(), IsOkAndHolds(true));
  kill(process.pid(), SIGKILL);
  process.Reap();
}

TEST(QemuDaemonTest, ProcessOfAnotherUserIsNoneOfOurs) {
  if (getuid() != 0) {
    GTEST_SKIP() << "needs root to be somebody else";
  }
  constexpr uid_t kNobody = 65534;
  FakeSubprocess programs;
  const TempDir folder;
  DeafDaemon process(folder.path(), kNobody);
  QemuDaemon daemon(programs, folder.path(), "");
  EXPECT_THAT(daemon.IsRunning(), IsOkAndHolds(false));
  EXPECT_THAT(daemon.Stop(Context::Background()), IsOk());
  EXPECT_EQ(kill(process.pid(), SIGKILL), 0);
  process.Reap();
}

// The file of whoever has the daemon's arguments is the file of anybody.
TEST(QemuDaemonTest, CommandLineAloneLeadsToNoExport) {
  FakeSubprocess programs;
  const TempDir folder;
  folder.Write("export", "precious");
  DeafDaemon process(folder.path());
  EXPECT_THAT(QemuDaemon(programs, folder.path(), "").OpenExport(Context::Background(), O_RDWR),
              StatusIs(Code::kUnavailable));
  kill(process.pid(), SIGKILL);
  process.Reap();
}

// (What is one is in devices_test.cc.)
TEST(QemuDaemonTest, WhatIsNoExportIsNotOpened) {
  const QmpServer server([](const std::string&) { return R"({"return": []})"; });
  const std::string folder = std::filesystem::path(server.SocketPath()).parent_path();
  const std::string path = folder + "/export";
  FakeSubprocess programs;
  const QemuDaemon daemon(programs, folder, "");
  const auto open_export = [&] { return daemon.OpenExport(Context::Background(), O_RDWR); };
  EXPECT_THAT(open_export(), StatusIs(Code::kFailedPrecondition, HasSubstr("No such file")));

  const TempDir elsewhere;
  std::filesystem::create_symlink(elsewhere.Write("precious", "x"), path);
  EXPECT_THAT(open_export(), StatusIs(Code::kFailedPrecondition, HasSubstr("symbolic link")));
  std::filesystem::remove(path);

  elsewhere.Write("file", "x");
  std::filesystem::rename(elsewhere.File("file"), path);
  EXPECT_THAT(open_export(), StatusIs(Code::kFailedPrecondition, HasSubstr("FUSE")));
  std::filesystem::remove(path);

  // Opening it for reading would block.
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(daemon.OpenExport(Context::Background(), O_RDONLY),
              StatusIs(Code::kFailedPrecondition, HasSubstr("FUSE")));
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
  EXPECT_THAT(WithoutFiles([&] { return daemon.IsRunning(); }), StatusIs(Code::kUnavailable));
  EXPECT_THAT(WithoutFiles([&] { return daemon.Stop(Context::Background()); }),
              StatusIs(Code::kUnavailable));
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
