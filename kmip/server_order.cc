// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/server_order.h"

#include <algorithm>

namespace rbdcrypt::kmip {

ServerOrder::ServerOrder(std::size_t servers, std::chrono::nanoseconds cool_down)
    : servers_(servers), cool_down_(cool_down) {}

std::vector<std::size_t> ServerOrder::For(TimePoint now) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < servers_; ++i) {
    order.push_back((current_ + i) % servers_);
  }
  if (current_ != 0 && now >= look_at_) {
    look_at_ = now + cool_down_;
    is_looking_ = true;
    const auto first = std::find(order.begin(), order.end(), std::size_t{0});
    std::rotate(order.begin(), first, first + 1);
  }
  return order;
}

ServerOrder::Change ServerOrder::Succeeded(std::size_t server) {
  // What was sent before others saw it fail may end well yet: that is no reason to go back.
  const bool is_found = server == 0 && is_looking_;
  if (server != current_ && !is_found) {
    return Change::kNone;
  }
  current_ = server;
  is_looking_ = is_looking_ && server != 0;
  if (server == last_good_) {
    return Change::kNone;
  }
  last_good_ = server;
  return server == 0 ? Change::kFailback : Change::kFailover;
}

void ServerOrder::Failed(std::size_t server, TimePoint now) {
  if (server == 0) {
    look_at_ = now + cool_down_;
    is_looking_ = false;
  }
  if (server == current_) {
    current_ = (current_ + 1) % servers_;
  }
}

}  // namespace rbdcrypt::kmip
