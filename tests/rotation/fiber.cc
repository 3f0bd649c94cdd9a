// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rotation/fiber.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "base/status.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace rbdcrypt::testing {
namespace {

// What OpenSSL, JSON and the sanitizers' frames take, with much room.
constexpr std::size_t kStackBytes = 256 * 1024;

using Stack = std::unique_ptr<std::byte[]>;

// Stacks of fibers that ended, for the next ones.
std::vector<Stack>& IdleStacks() {
  thread_local std::vector<Stack> idle;
  return idle;
}

Stack TakeStack() {
  if (IdleStacks().empty()) {
    return Stack(new std::byte[kStackBytes]);
  }
  Stack stack = std::move(IdleStacks().back());
  IdleStacks().pop_back();
  return stack;
}

#if defined(__SANITIZE_ADDRESS__)
void BeginSwitch(void** save, const void* stack, std::size_t bytes) {
  __sanitizer_start_switch_fiber(save, stack, bytes);
}

void EndSwitch(void* saved, const void** old_stack, std::size_t* old_bytes) {
  __sanitizer_finish_switch_fiber(saved, old_stack, old_bytes);
}
#else
void BeginSwitch(void** /*save*/, const void* /*stack*/, std::size_t /*bytes*/) {}

void EndSwitch(void* /*saved*/, const void** /*old_stack*/, std::size_t* /*old_bytes*/) {}
#endif

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(TakeStack()) {
  RBDCRYPT_CHECK(getcontext(&own_) == 0);
  own_.uc_stack.ss_sp = stack_.get();
  own_.uc_stack.ss_size = kStackBytes;
  own_.uc_link = nullptr;
  // makecontext passes ints only.
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::Enter), 2,
              static_cast<unsigned int>(self >> 32U), static_cast<unsigned int>(self));
}

Fiber::~Fiber() {
  RBDCRYPT_CHECK(has_ended_);
  IdleStacks().push_back(std::move(stack_));
}

void Fiber::Enter(unsigned int high, unsigned int low) {
  auto* const self = reinterpret_cast<Fiber*>((static_cast<std::uintptr_t>(high) << 32U) | low);
  EndSwitch(nullptr, &self->callers_stack_, &self->callers_stack_bytes_);
  self->body_();
  self->has_ended_ = true;
  self->SwitchToCaller(/*for_good=*/true);
}

void Fiber::Resume() {
  RBDCRYPT_CHECK(!has_ended_);
  BeginSwitch(&callers_fake_stack_, stack_.get(), kStackBytes);
  RBDCRYPT_CHECK(swapcontext(&caller_, &own_) == 0);
  EndSwitch(callers_fake_stack_, nullptr, nullptr);
}

void Fiber::Yield() {
  SwitchToCaller(/*for_good=*/false);
}

void Fiber::SwitchToCaller(bool for_good) {
  BeginSwitch(for_good ? nullptr : &fake_stack_, callers_stack_, callers_stack_bytes_);
  RBDCRYPT_CHECK(swapcontext(&own_, &caller_) == 0);
  EndSwitch(fake_stack_, &callers_stack_, &callers_stack_bytes_);
}

}  // namespace rbdcrypt::testing
