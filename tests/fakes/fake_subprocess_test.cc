// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_subprocess.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

auto ExitsWith(int code) {
  return IsOkAndHolds(Field(&CommandOutput::exit_code, code));
}

TEST(FakeSubprocessTest, RecordsCallsAndTheirInput) {
  FakeSubprocess programs;
  programs.Answer("cat", {.exit_code = 0});
  const Context context = Context::Background();
  EXPECT_THAT(programs.Run(context, {.argv = {"cat", "-n"}, .standard_input = Secret("x")}),
              IsOk());
  EXPECT_THAT(programs.Run(context, {.argv = {"cat"}}), IsOk());
  EXPECT_THAT(programs.CommandLines(), ElementsAre("cat -n", "cat"));
  EXPECT_THAT(programs.StandardInputs(), ElementsAre("x", ""));
}

TEST(FakeSubprocessTest, QueuedAnswersComeFirstAndOnce) {
  FakeSubprocess programs;
  programs.Answer("blkid", {.exit_code = 0});
  programs.AnswerOnce("blkid", {.exit_code = 2});
  programs.FailOnce("blkid", Unavailable("late"));
  const Context context = Context::Background();
  EXPECT_THAT(programs.Run(context, {.argv = {"blkid"}}), ExitsWith(2));
  EXPECT_THAT(programs.Run(context, {.argv = {"blkid"}}), StatusIs(Code::kUnavailable, "late"));
  EXPECT_THAT(programs.Run(context, {.argv = {"blkid"}}), ExitsWith(0));
}

TEST(FakeSubprocessTest, HandlerSeesTheCommand) {
  FakeSubprocess programs;
  programs.Handle("mkfs", [](const Command& command) -> Result<CommandOutput> {
    return CommandOutput{.exit_code = static_cast<int>(command.argv.size())};
  });
  EXPECT_THAT(programs.Run(Context::Background(), {.argv = {"mkfs", "a", "b"}}), ExitsWith(3));
}

TEST(FakeSubprocessTest, UnknownProgramAndEndedContextAreErrors) {
  FakeSubprocess programs;
  EXPECT_THAT(programs.Run(Context::Background(), {.argv = {"mkfs"}}), StatusIs(Code::kNotFound));
  const Context cancelled({.is_cancelled = [] { return true; }});
  EXPECT_THAT(programs.Run(cancelled, {.argv = {"mkfs"}}), StatusIs(Code::kCancelled));
  EXPECT_THAT(programs.CommandLines(), ElementsAre("mkfs"));
}

}  // namespace
}  // namespace rbdcrypt::testing
