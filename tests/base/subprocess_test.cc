// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/subprocess.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/handle.h"
#include "base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

Result<CommandOutput> RunProgram(std::vector<std::string> argv, Secret input = Secret()) {
  return SystemSubprocess().Run(Context::Background(),
                                {.argv = std::move(argv), .standard_input = std::move(input)});
}

Result<CommandOutput> Shell(const std::string& script, Secret input = Secret()) {
  return RunProgram({"sh", "-c", script}, std::move(input));
}

TEST(SubprocessTest, CapturesBothOutputsAndTheExitCode) {
  ASSERT_OK_AND_ASSIGN(const auto output, Shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_EQ(output.standard_output, "out\n");
  EXPECT_EQ(output.standard_error, "err\n");
}

TEST(SubprocessTest, ArgumentsArriveAsTheyAre) {
  ASSERT_OK_AND_ASSIGN(const auto output,
                       RunProgram({"printf", "%s|", "a b", "$HOME;`id`", "", "*"}));
  EXPECT_EQ(output.standard_output, "a b|$HOME;`id`||*|");
}

TEST(SubprocessTest, MissingProgramIsNotFound) {
  EXPECT_THAT(RunProgram({"rbdcrypt-no-such-program"}),
              StatusIs(Code::kNotFound, HasSubstr("rbdcrypt-no-such-program")));
  EXPECT_THAT(RunProgram({}), StatusIs(Code::kInvalidArgument));
}

TEST(SubprocessTest, SecretArrivesOnStandardInput) {
  constexpr std::string_view kPassphrase("pass\0phrase\n", 12);
  ASSERT_OK_AND_ASSIGN(const auto output, RunProgram({"cat"}, Secret(kPassphrase)));
  EXPECT_EQ(output.standard_output, kPassphrase);
}

TEST(SubprocessTest, LargeInputAndOutputDoNotBlockEachOther) {
  Secret input(kMebibyte);
  std::fill(input.MutableBytes().begin(), input.MutableBytes().end(), std::byte{'x'});
  ASSERT_OK_AND_ASSIGN(const auto echoed, RunProgram({"cat"}, input.Clone()));
  EXPECT_EQ(echoed.standard_output, std::string(64 * 1024, 'x'));
  ASSERT_OK_AND_ASSIGN(const auto counted, RunProgram({"wc", "-c"}, std::move(input)));
  EXPECT_EQ(Trim(counted.standard_output), "1048576");
}

TEST(SubprocessTest, NoInputReadsAsEmpty) {
  ASSERT_OK_AND_ASSIGN(const auto output, RunProgram({"cat"}));
  EXPECT_EQ(output.standard_output, "");
  EXPECT_EQ(output.exit_code, 0);
}

TEST(SubprocessTest, ProgramThatReadsNothingRaisesNoPipeSignal) {
  ASSERT_OK_AND_ASSIGN(const auto output, Shell("exec <&-; exit 4", Secret(kMebibyte)));
  EXPECT_EQ(output.exit_code, 4);
  sigset_t pending;
  ASSERT_EQ(::sigpending(&pending), 0);
  EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
}

TEST(SubprocessTest, EnvironmentIsPathAndLocaleOnly) {
  ::setenv("RBDCRYPT_TEST_TOKEN", "hunter2", 1);
  ASSERT_OK_AND_ASSIGN(const auto output, RunProgram({"env"}));
  ::unsetenv("RBDCRYPT_TEST_TOKEN");
  EXPECT_THAT(Split(Trim(output.standard_output), '\n'),
              UnorderedElementsAre(Cat("PATH=", ::getenv("PATH")), "LC_ALL=C"));
}

TEST(SubprocessTest, NoDescriptorOfOursIsInherited) {
  const UniqueFd null(::open("/dev/null", O_RDONLY));
  const UniqueFd leaking(::fcntl(null.get(), F_DUPFD, 100));
  ASSERT_TRUE(leaking.valid());
  ASSERT_OK_AND_ASSIGN(const auto output, Shell("for fd in /proc/self/fd/*; do echo $fd; done"));
  EXPECT_THAT(output.standard_output, HasSubstr("/proc/self/fd/2\n"));
  EXPECT_THAT(output.standard_output, Not(HasSubstr(Cat("/proc/self/fd/", leaking.get(), "\n"))));
}

TEST(SubprocessTest, SignalsAreAsAProgramExpectsThem) {
  // gRPC and civetweb ignore SIGPIPE in this process; a pipeline in the child must not.
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const auto output = Shell("kill -PIPE $$; echo survived");
  ::signal(SIGPIPE, before);
  EXPECT_THAT(output, StatusIs(Code::kInternal, HasSubstr("signal 13")));
}

TEST(SubprocessTest, DeathBySignalIsInternal) {
  EXPECT_THAT(Shell("kill -TERM $$"),
              StatusIs(Code::kInternal, AllOf(HasSubstr("sh died"), HasSubstr("signal 15"))));
}

TEST(SubprocessTest, EveryChildIsReaped) {
  ASSERT_THAT(RunProgram({"true"}), IsOk());
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(SubprocessTest, DaemonLeftBehindIsNotWaitedForNorKilled) {
  ASSERT_OK_AND_ASSIGN(const auto output, Shell("sleep 1000 & echo $!"));
  const auto daemon = ParseUint64(Trim(output.standard_output));
  ASSERT_TRUE(daemon.has_value());
  EXPECT_EQ(::kill(static_cast<pid_t>(*daemon), SIGKILL), 0);
}

TEST(SubprocessTest, EndedContextStartsNothing) {
  const TempDir dir;
  FakeClock clock;
  const Context late({.clock = &clock, .deadline = clock.Now()});
  EXPECT_THAT(SystemSubprocess().Run(late, {.argv = {"mkdir", dir.File("made")}}),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("mkdir")));
  EXPECT_NE(::access(dir.File("made").c_str(), F_OK), 0);
}

// A program with a background process that both hold a FIFO open; the test reads the other end.
class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mkfifo(dir_.File("fifo").c_str(), 0600), 0);
    fifo_ = UniqueFd(::open(dir_.File("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(fifo_.valid());
  }

  Command Endless() const {
    return {.argv = {"sh", "-c",
                     Cat("exec 9>", dir_.File("fifo"),
                         "; sleep 1000 & sleep 1000 & echo started >&9; wait")},
            .standard_input = Secret()};
  }

  bool Started() const { return (Poll(0) & POLLIN) != 0; }

  // Once nobody holds the FIFO open any more, that is, when the whole group is dead.
  bool AllDead() const {
    char word[8];
    return ::read(fifo_.get(), word, sizeof word) == 8 && Poll(10'000) == POLLHUP;
  }

 private:
  int Poll(int milliseconds) const {
    pollfd event = {.fd = fifo_.get(), .events = POLLIN, .revents = 0};
    ::poll(&event, 1, milliseconds);
    return event.revents;
  }

  TempDir dir_;
  UniqueFd fifo_;
};

TEST_F(KillTest, CancellationKillsTheWholeGroupAndReaps) {
  const Context context({.is_cancelled = [this] { return Started(); }});
  EXPECT_THAT(SystemSubprocess().Run(context, Endless()), StatusIs(Code::kCancelled));
  EXPECT_TRUE(AllDead());
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(KillTest, DeadlineKillsTheWholeGroup) {
  FakeClock clock;
  const auto deadline = clock.Now() + std::chrono::seconds(1);
  const Context context({.clock = &clock, .deadline = deadline, .is_cancelled = [&] {
                           if (Started()) {
                             clock.Advance(std::chrono::seconds(1));
                           }
                           return false;
                         }});
  EXPECT_THAT(SystemSubprocess().Run(context, Endless()), StatusIs(Code::kDeadlineExceeded));
  EXPECT_TRUE(AllDead());
}

TEST(SubprocessTest, RunCheckedTurnsAFailureIntoTheLastWords) {
  const Context context = Context::Background();
  EXPECT_THAT(SystemSubprocess().RunChecked(context, {.argv = {"true"}}), IsOk());
  EXPECT_THAT(SystemSubprocess().RunChecked(context, {.argv = {"sh", "-c", "echo no >&2; exit 3"}}),
              StatusIs(Code::kInternal, "sh ended with exit code 3: no"));
  EXPECT_THAT(SystemSubprocess().RunChecked(context, {.argv = {"sh", "-c", "echo out; exit 1"}}),
              StatusIs(Code::kInternal, EndsWith(": out")));
  EXPECT_THAT(SystemSubprocess().RunChecked(context, {.argv = {"false"}}),
              StatusIs(Code::kInternal, HasSubstr("exit code 1")));
}

TEST(SubprocessTest, RunCheckedQuotesAtMostOneKibibyte) {
  const auto failed = SystemSubprocess().RunChecked(
      Context::Background(), {.argv = {"sh", "-c", "printf '%5000s' end >&2; exit 1"}});
  EXPECT_THAT(failed, StatusIs(Code::kInternal, EndsWith("end")));
  EXPECT_LT(Message(failed.status()).size(), 1100U);
}

}  // namespace
}  // namespace rbdcrypt
