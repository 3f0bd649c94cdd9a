// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "base/clock.h"

namespace rbdcrypt::kmip {

// In which order the servers of one key manager are tried. Only the order, told by times: no I/O,
// no clock. Not thread safe.
//
// Work goes to one of them, the current: at the beginning the first. When it fails, to the next in
// order, the last being followed by the first. After `cool_down` without the first, one caller at a
// time goes to see whether that does again; the others wait for what it finds at the current one.
class ServerOrder {
 public:
  using TimePoint = Clock::TimePoint;

  // `servers` at least 1.
  ServerOrder(std::size_t servers, std::chrono::nanoseconds cool_down);

  // All of them, in the order to be tried by a caller that comes `now`. One who is told to look at
  // the first is the only one so told for `cool_down`.
  std::vector<std::size_t> For(TimePoint now);

  // What a success changed: which server does the work, as far as it is known.
  enum class Change { kNone, kFailover, kFailback };

  // That server answered.
  Change Succeeded(std::size_t server);

  // It could not be reached, or fails where another might not.
  void Failed(std::size_t server, TimePoint now);

  // The one that answered last.
  std::size_t last_good() const { return last_good_; }

 private:
  const std::size_t servers_;
  const std::chrono::nanoseconds cool_down_;
  std::size_t current_ = 0;
  std::size_t last_good_ = 0;
  // When the first may be looked at, while it is not the current one.
  TimePoint look_at_;
  // Whether somebody was told to.
  bool is_looking_ = false;
};

}  // namespace rbdcrypt::kmip
