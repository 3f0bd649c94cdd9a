// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/subprocess.h"

namespace rbdcrypt::testing {

// Programs that answer what the test says, and a record of how they were called. Thread safe.
//
//   FakeSubprocess programs;
//   programs.Answer("mkfs.ext4", {});
//   programs.AnswerOnce("blkid", {.exit_code = 2});
//   EXPECT_THAT(programs.CommandLines(), ElementsAre("blkid -p /dev/x", "mkfs.ext4 /dev/x"));
//
// As the real one: kNotFound for a program nobody spoke of; an ended context is asked first.
class FakeSubprocess final : public Subprocess {
 public:
  using Program = std::function<Result<CommandOutput>(const Command& command)>;

  // From now on argv[0] == `program` answers `output`, or what `run` makes of its call.
  void Answer(const std::string& program, const CommandOutput& output);
  void Handle(const std::string& program, Program run);

  // The next call only, before what Answer() and Handle() say; several queue up in order.
  void AnswerOnce(const std::string& program, const CommandOutput& output);
  void FailOnce(const std::string& program, const Status& error);

  Result<CommandOutput> Run(const Context& context, const Command& command) override;

  // Every call so far, in order: argv joined by blanks, and what went to its standard input.
  std::vector<std::string> CommandLines() const;
  std::vector<std::string> StandardInputs() const;

 private:
  Program TakeNext(const Command& command);

  mutable absl::Mutex mutex_;
  std::map<std::string, Program> always_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::vector<Program>> once_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> inputs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
