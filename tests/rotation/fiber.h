// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include <ucontext.h>

namespace rbdcrypt::testing {

// A function that is run piece by piece on a stack of its own, in the thread of whoever resumes it:
// so that ordinary code can be stopped anywhere a test gives up control, and be continued later.
// Much faster than threads that wait for one another, and always the same. Must have ended before
// it is destroyed.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs the body up to its next Yield() or its end; not from within a fiber.
  void Resume();

  // Within the body: goes back to Resume()'s caller.
  void Yield();

  bool has_ended() const { return has_ended_; }

 private:
  static void Enter(unsigned int high, unsigned int low);
  void SwitchToCaller(bool for_good);

  const std::function<void()> body_;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t own_ = {};
  ucontext_t caller_ = {};
  bool has_ended_ = false;
  // For AddressSanitizer, which has to know of each stack.
  void* fake_stack_ = nullptr;
  void* callers_fake_stack_ = nullptr;
  const void* callers_stack_ = nullptr;
  std::size_t callers_stack_bytes_ = 0;
};

}  // namespace rbdcrypt::testing
