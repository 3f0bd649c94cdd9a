// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/client.h"

#include <algorithm>
#include <utility>

#include "base/retry.h"
#include "base/strings.h"
#include "kmip/health.h"
#include "kmip/server.h"
#include "kmip/tries.h"

namespace rbdcrypt::kmip {
namespace {

std::vector<std::string> AddressesOf(const std::vector<std::unique_ptr<net::Dialer>>& dialers) {
  std::vector<std::string> addresses;
  for (const auto& dialer : dialers) {
    addresses.push_back(dialer->address());
  }
  return addresses;
}

}  // namespace

class Client::Impl {
 public:
  Impl(std::vector<std::unique_ptr<net::Dialer>> dialers, const ClientOptions& options)
      : addresses_(AddressesOf(dialers)),
        name_(Cat("KMIP at ", Join(addresses_, ", "))),
        rounds_(
            {.max_attempts = options.rounds, .base = options.backoff, .cap = options.max_backoff}),
        health_(addresses_, options.cool_down) {
    for (auto& dialer : dialers) {
      servers_.push_back(std::make_unique<Server>(std::move(dialer), options));
    }
  }

  Status Run(const Context& context, kms::Urgency urgency, const Work& work) {
    Tries tries(addresses_);
    bool has_ended = false;
    // The error only says that there may be another round.
    (void)Retry(context, rounds_, [&] {
      has_ended = Round(context, urgency, work, tries);
      return has_ended || !tries.IsWorthARound() ? OkStatus() : Unavailable(name_);
    });
    if (const Status status = context.Check(Cat("try ", name_, " again"));
        !has_ended && !status.ok()) {
      tries.GiveUp(status);
    }
    return tries.Outcome();
  }

  const std::string& name() const { return name_; }

  Counts counts() const {
    Counts counts;
    for (const auto& server : servers_) {
      counts.dials += server->dials();
      counts.requests += server->requests();
    }
    return counts;
  }

  std::size_t OpenConnections() const {
    std::size_t open = 0;
    for (const auto& server : servers_) {
      open += server->open();
    }
    return open;
  }

 private:
  // Tries each server once that may be tried. Whether the call ends with it.
  bool Round(const Context& context, kms::Urgency urgency, const Work& work, Tries& tries) {
    std::vector<std::size_t> candidates = health_.OrderFor(context.clock().Now());
    std::erase_if(candidates, [&](std::size_t index) { return !tries.MayTry(index); });
    return std::ranges::any_of(candidates, [&](std::size_t index) {
      const Server::Wish wish{.urgency = urgency, .has_others = index != candidates.back()};
      const Tried tried = servers_[index]->Try(context, wish, work);
      health_.Note(index, tried, context.clock().Now());
      return tries.IsLast(index, tried);
    });
  }

  const std::vector<std::string> addresses_;
  const std::string name_;
  const RetryOptions rounds_;
  // Never changes.
  std::vector<std::unique_ptr<Server>> servers_;
  Health health_;
};

Client::Client(std::vector<std::unique_ptr<net::Dialer>> servers, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(servers), options)) {}

Client::~Client() = default;

Status Client::Run(const Context& context, kms::Urgency urgency, const Work& work) {
  return impl_->Run(context, urgency, work);
}

const std::string& Client::name() const {
  return impl_->name();
}

Client::Counts Client::counts() const {
  return impl_->counts();
}

std::size_t Client::OpenConnectionsForTest() const {
  return impl_->OpenConnections();
}

}  // namespace rbdcrypt::kmip
