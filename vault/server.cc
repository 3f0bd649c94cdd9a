// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/server.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "kms/try_time.h"

namespace rbdcrypt::vault {
namespace {

// A health answer is short and quick.
constexpr std::chrono::seconds kHealthTimeout = std::chrono::seconds(3);

bool IsStandby(int health) {
  return health == 429 || health == 472 || health == 473 || health == 474;
}

std::string StateOf(int health) {
  return IsStandby(health) ? "standby" : health == 503 ? "sealed" : Cat("HTTP ", health);
}

std::string OriginOf(net::Url url) {
  url.path.clear();
  return url.Text();
}

// What a redirect's target is behind the server's own path: "https://b:8200/v1/x?y" gives "v1/x?y".
std::string TargetOf(std::string_view location) {
  const std::size_t scheme = location.find("://");
  const std::size_t path =
      scheme == std::string_view::npos ? scheme : location.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string() : std::string(location.substr(path + 1));
}

std::string_view WithoutQuery(std::string_view location) {
  return location.substr(0, location.find_first_of("?#"));
}

bool IsDown(const Answer& answer) {
  return answer.verdict() == Verdict::kRetryLater || answer.status() == 502 ||
         answer.status() == 504;
}

}  // namespace

Server::Server(std::string name, std::vector<NodeState> nodes, const ServerLimits& limits)
    : name_(std::move(name)),
      limits_(limits),
      limiter_(limits.seats),
      breaker_(name_, limits.breaker),
      nodes_(std::move(nodes)) {}

Result<std::shared_ptr<Server>> Server::New(const std::vector<std::string>& addresses,
                                            const net::TlsOptions& tls,
                                            const HttpClientFactory& factory,
                                            const ServerLimits& limits) {
  std::vector<NodeState> nodes;
  for (const std::string& address : addresses) {
    ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(address));
    ASSIGN_OR_RETURN(std::unique_ptr<net::HttpClient> client, factory(url, tls));
    nodes.push_back({.client = std::move(client),
                     .origin = OriginOf(url),
                     .skip_until = {},
                     .refusal = OkStatus()});
  }
  if (nodes.empty()) {
    return InvalidArgument("Vault has no address");
  }
  return std::shared_ptr<Server>(
      new Server(Cat("Vault at ", Join(addresses, ", ")), std::move(nodes), limits));
}

Server::Tried Server::Try(const Context& context, const net::HttpRequest& request, Wish wish) {
  const Result<kms::Limiter::Seat> seat = limiter_.Take(context, wish.urgency);
  if (!seat.ok()) {
    return {.answer = seat.status()};
  }
  const Result<kms::Breaker::Ticket> ticket = breaker_.Allow(context.clock());
  if (!ticket.ok()) {
    return {.answer = net::NeverArrived(ticket.status()), .next = Next::kNotNow};
  }
  Tried tried = TryAllowed(context, request, wish.node);
  ReportToBreaker(context.clock(), *ticket, tried);
  return tried;
}

void Server::ReportToBreaker(const Clock& clock, kms::Breaker::Ticket ticket, const Tried& tried) {
  using Outcome = kms::Breaker::Outcome;
  if (tried.answer.ok()) {
    breaker_.Report(clock, ticket, IsDown(*tried.answer) ? Outcome::kDown : Outcome::kAlive,
                    tried.answer->Describe());
    return;
  }
  // A server that elects is waited for, not given up.
  const bool is_down =
      tried.answer.status().code() == Code::kUnavailable && tried.next != Next::kLater;
  breaker_.Report(clock, ticket, is_down ? Outcome::kDown : Outcome::kUnknown,
                  Message(tried.answer.status()));
}

Server::Tried Server::TryAllowed(const Context& context,
                                 const net::HttpRequest& request,
                                 Node node) {
  std::size_t index = Order(context.clock().Now()).front();
  if (node == Node::kActive && nodes_.size() > 1) {
    Search search;
    const Result<std::size_t> active = FindActive(context, search);
    if (!active.ok()) {
      return {.answer = active.status(),
              .next = search.has_standby ? Next::kLater : Next::kOtherAddress};
    }
    index = *active;
  }
  Result<Answer> answer = SendTo(context, request, index);
  if (!answer.ok() || answer->location().empty()) {
    return {.answer = std::move(answer)};
  }
  return {.answer = Follow(context, request, *std::move(answer))};
}

Result<Answer> Server::Follow(const Context& context,
                              const net::HttpRequest& request,
                              Answer answer) {
  const Result<net::Url> url = net::ParseUrl(WithoutQuery(answer.location()));
  if (!url.ok()) {
    return answer;
  }
  const std::string origin = OriginOf(*url);
  const auto found = std::ranges::find(nodes_, origin, &NodeState::origin);
  // Only the same request at another node: a redirect elsewhere is for a person to look at.
  if (found == nodes_.end() || TargetOf(answer.location()) != request.target) {
    return answer;
  }
  return SendTo(context, request, static_cast<std::size_t>(found - nodes_.begin()));
}

Context Server::LimitOf(const Context& context, std::chrono::seconds most) const {
  return (nodes_.size() > 1 ? kms::WithTimeForOthers(context) : context).WithTimeout(most);
}

Result<Answer> Server::SendTo(const Context& context,
                              const net::HttpRequest& request,
                              std::size_t index) {
  Result<net::HttpAnswer> http =
      nodes_[index].client->Send(LimitOf(context, limits_.try_timeout), request);
  if (http.ok()) {
    Answer answer = Answer::From(*std::move(http));
    Note(context.clock(), index, !IsDown(answer));
    return answer;
  }
  RETURN_IF_ERROR(context.Check("ask Vault"));
  const Code code = http.status().code();
  if (code == Code::kInvalidArgument) {
    return Refused(context.clock(), index, http.status());
  }
  if (code != Code::kUnavailable && code != Code::kDeadlineExceeded && code != Code::kDataLoss) {
    return http.status();
  }
  Note(context.clock(), index, /*is_good=*/false);
  Status status = Unavailable(Message(http.status()));
  return net::MayHaveArrived(http.status()) ? status : net::NeverArrived(status);
}

Result<std::size_t> Server::FindActive(const Context& context, Search& search) {
  if (const auto known = KnownActive(context.clock().Now()); known.has_value()) {
    return *known;
  }
  for (const std::size_t index : Order(context.clock().Now())) {
    const Result<int> health = HealthOf(context, index);
    RETURN_IF_ERROR(context.Check("look for Vault's active node"));
    if (health.ok() && *health == 200) {
      SetActive(context.clock(), index);
      return index;
    }
    if (health.status().code() == Code::kInvalidArgument) {
      const Status refused = Refused(context.clock(), index, health.status());
      if (refused.code() == Code::kInvalidArgument) {
        return refused;
      }
    }
    search.has_standby = search.has_standby || (health.ok() && IsStandby(*health));
    search.found += Cat(
        search.found.empty() ? "" : ", ",
        health.ok() ? Cat(nodes_[index].origin, ": ", StateOf(*health)) : Message(health.status()));
  }
  return net::NeverArrived(
      Unavailable(Cat("no configured address is the active node, which alone knows the present ",
                      "state of a key (", search.found,
                      "): unseal it, wait for its election, or add it to the option "
                      "vaultAddress")));
}

Result<int> Server::HealthOf(const Context& context, std::size_t index) {
  net::HttpRequest request;
  request.target = "v1/sys/health";
  request.headers.push_back({.name = "X-Vault-Request", .value = "true"});
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   nodes_[index].client->Send(LimitOf(context, kHealthTimeout), request));
  return answer.status;
}

std::vector<std::size_t> Server::Order(Clock::TimePoint now) const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    order.push_back((preferred_ + i) % nodes_.size());
  }
  // None is left out: if all failed, the one whose failure is oldest comes first.
  std::ranges::stable_sort(order, {}, [&](std::size_t index) {
    return nodes_[index].skip_until > now ? nodes_[index].skip_until : Clock::TimePoint::min();
  });
  return order;
}

void Server::Note(const Clock& clock, std::size_t index, bool is_good) {
  absl::MutexLock lock(&mutex_);
  nodes_[index].skip_until = is_good ? Clock::TimePoint() : clock.Now() + limits_.skip;
  nodes_[index].refusal = OkStatus();
  if (is_good) {
    preferred_ = index;
  } else if (active_ == index) {
    active_.reset();
  }
}

// TLS refuses this address: a matter of configuration only where it refuses all.
Status Server::Refused(const Clock& clock, std::size_t index, const Status& why) {
  Note(clock, index, /*is_good=*/false);
  absl::MutexLock lock(&mutex_);
  nodes_[index].refusal = why;
  const bool is_refused_by_all =
      std::ranges::none_of(nodes_, [](const NodeState& node) { return node.refusal.ok(); });
  return is_refused_by_all ? why : net::NeverArrived(Unavailable(Message(why)));
}

std::optional<std::size_t> Server::KnownActive(Clock::TimePoint now) const {
  absl::MutexLock lock(&mutex_);
  return now < active_until_ ? active_ : std::nullopt;
}

void Server::SetActive(const Clock& clock, std::optional<std::size_t> index) {
  absl::MutexLock lock(&mutex_);
  active_ = index;
  active_until_ = clock.Now() + limits_.active;
}

}  // namespace rbdcrypt::vault
