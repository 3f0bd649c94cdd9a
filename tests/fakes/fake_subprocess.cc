// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_subprocess.h"

#include <utility>

#include "base/strings.h"

namespace rbdcrypt::testing {

void FakeSubprocess::Answer(const std::string& program, const CommandOutput& output) {
  Handle(program, [output](const Command&) { return output; });
}

void FakeSubprocess::Handle(const std::string& program, Program run) {
  absl::MutexLock lock(&mutex_);
  always_[program] = std::move(run);
}

void FakeSubprocess::AnswerOnce(const std::string& program, const CommandOutput& output) {
  absl::MutexLock lock(&mutex_);
  once_[program].emplace_back([output](const Command&) { return output; });
}

void FakeSubprocess::FailOnce(const std::string& program, const Status& error) {
  absl::MutexLock lock(&mutex_);
  once_[program].emplace_back([error](const Command&) { return error; });
}

Result<CommandOutput> FakeSubprocess::Run(const Context& context, const Command& command) {
  RBDCRYPT_CHECK(!command.argv.empty());
  RETURN_IF_ERROR(context.Check(Cat("running ", command.argv.front())));
  // Outside the lock, so that a program may call back.
  const Program run = TakeNext(command);
  if (!run) {
    return NotFound(Cat("no such program: ", command.argv.front()));
  }
  return run(command);
}

FakeSubprocess::Program FakeSubprocess::TakeNext(const Command& command) {
  absl::MutexLock lock(&mutex_);
  lines_.push_back(Join(command.argv, " "));
  inputs_.emplace_back(command.standard_input.RevealText());
  if (auto& queue = once_[command.argv.front()]; !queue.empty()) {
    Program next = std::move(queue.front());
    queue.erase(queue.begin());
    return next;
  }
  const auto found = always_.find(command.argv.front());
  return found == always_.end() ? Program() : found->second;
}

std::vector<std::string> FakeSubprocess::CommandLines() const {
  absl::MutexLock lock(&mutex_);
  return lines_;
}

std::vector<std::string> FakeSubprocess::StandardInputs() const {
  absl::MutexLock lock(&mutex_);
  return inputs_;
}

}  // namespace rbdcrypt::testing
