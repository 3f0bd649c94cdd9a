// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/breaker.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>

#include "base/strings.h"

namespace rbdcrypt::kms {
namespace {

std::string TimeText(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), size);
}

}  // namespace

Breaker::Breaker(std::string server, Options options)
    : server_(std::move(server)), options_(options), pause_(options.pause) {}

Result<Breaker::Ticket> Breaker::Allow(const Clock& clock) {
  absl::MutexLock lock(&mutex_);
  if (failures_ < options_.threshold) {
    return Ticket{};
  }
  const Clock::TimePoint now = clock.Now();
  if (now >= open_until_ && !is_probing_) {
    is_probing_ = true;
    return Ticket{.is_probe = true};
  }
  const auto left =
      std::max(std::chrono::ceil<std::chrono::seconds>(open_until_ - now), std::chrono::seconds(1));
  return Unavailable(Cat(server_, " has been down since ", TimeText(down_since_), " (", why_,
                         "); it is tried again in ", left.count(), " s, this call was not sent"));
}

void Breaker::Report(const Clock& clock, Ticket ticket, Outcome outcome, std::string_view why) {
  absl::MutexLock lock(&mutex_);
  is_probing_ = is_probing_ && !ticket.is_probe;
  if (outcome == Outcome::kUnknown) {
    return;
  }
  if (outcome == Outcome::kAlive) {
    failures_ = 0;
    pause_ = options_.pause;
    return;
  }
  if (failures_ == 0) {
    down_since_ = clock.Wall();
  }
  why_ = why;
  const bool is_open = failures_ == options_.threshold;
  if (is_open && !ticket.is_probe) {
    return;
  }
  if (is_open) {
    pause_ = std::min(pause_ * 2, options_.longest_pause);
  } else {
    ++failures_;
  }
  if (failures_ == options_.threshold) {
    open_until_ = clock.Now() + pause_;
  }
}

}  // namespace rbdcrypt::kms
