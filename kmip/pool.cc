// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/pool.h"

#include <algorithm>
#include <iterator>

namespace rbdcrypt::kmip {

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    GiveBack();
    pool_ = other.pool_;
    connection_ = std::move(other.connection_);
  }
  return *this;
}

void Pool::Lease::GiveBack() {
  if (connection_ != nullptr) {
    pool_->GiveBack(std::move(connection_));
  }
}

Result<Pool::Lease> Pool::Lend(const Context& context) {
  for (std::unique_ptr<Connection>& idle : TakeIdle(context.clock().Now())) {
    Close(std::move(idle));
  }
  while (std::unique_ptr<Connection> kept = TakeKept()) {
    if (kept->IsQuiet()) {
      return Lease(this, std::move(kept));
    }
    Close(std::move(kept));
  }
  return Dial(context);
}

Result<Pool::Lease> Pool::Dial(const Context& context) {
  ++dials_;
  ASSIGN_OR_RETURN(std::unique_ptr<net::ByteStream> stream, dialer_.Dial(context));
  ++open_;
  return Lease(this, std::make_unique<Connection>(std::move(stream), dialer_.address(),
                                                  options_.timeouts, context.clock().Now()));
}

void Pool::GiveBack(std::unique_ptr<Connection> connection) {
  if (connection->state() == Connection::State::kGood) {
    absl::MutexLock lock(&mutex_);
    if (kept_.size() < options_.most) {
      kept_.push_back(std::move(connection));
      return;
    }
  }
  Close(std::move(connection));
}

// Apart from the lock, since it may take a system call or two.
void Pool::Close(std::unique_ptr<Connection> connection) {
  connection.reset();
  --open_;
}

std::unique_ptr<Connection> Pool::TakeKept() {
  absl::MutexLock lock(&mutex_);
  if (kept_.empty()) {
    return nullptr;
  }
  std::unique_ptr<Connection> last = std::move(kept_.back());
  kept_.pop_back();
  return last;
}

std::vector<std::unique_ptr<Connection>> Pool::TakeIdle(Clock::TimePoint now) {
  absl::MutexLock lock(&mutex_);
  const auto idle = std::stable_partition(kept_.begin(), kept_.end(), [&](const auto& connection) {
    return now - connection->used_at() < options_.idle;
  });
  std::vector<std::unique_ptr<Connection>> taken(std::make_move_iterator(idle),
                                                 std::make_move_iterator(kept_.end()));
  kept_.erase(idle, kept_.end());
  return taken;
}

}  // namespace rbdcrypt::kmip
