// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_vault.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "base/context.h"
#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using Json = nlohmann::json;

std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out.push_back(static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string OriginOf(const std::string& address) {
  const auto url = net::ParseUrl(address);
  return url.ok() ? url->Text() : address;
}

}  // namespace

// What a driver holds: the connection to one node.
class FakeVault::Node final : public net::HttpClient {
 public:
  Node(FakeVault& vault, std::string address) : vault_(vault), address_(std::move(address)) {}

  Result<net::HttpAnswer> Send(const Context& context, const net::HttpRequest& request) override {
    RETURN_IF_ERROR(context.Check("send a request"));
    if (vault_.IsSilent(address_)) {
      context.clock().SleepUntil(
          context.clock().Now() +
          std::chrono::duration_cast<Clock::TimePoint::duration>(context.TimeLeft()));
      return DeadlineExceeded(Cat(address_, ": no answer in time"));
    }
    Seen seen{.node = address_,
              .method = request.method,
              .path = request.target.substr(3),
              .ns = {},
              .token = {},
              .body = std::string(request.body.RevealText()),
              .headers = {}};
    for (const net::Header& header : request.headers) {
      seen.headers[header.name] = header.value;
    }
    seen.ns = seen.headers["X-Vault-Namespace"];
    for (const net::SecretHeader& header : request.secret_headers) {
      seen.token = header.value.RevealText();
    }
    return vault_.Answer(address_, seen);
  }

  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& /*sink*/) override {
    return Send(context, request);
  }

  const std::string& address() const override { return address_; }

 private:
  FakeVault& vault_;
  const std::string address_;
};

std::function<Result<std::unique_ptr<net::HttpClient>>(const net::Url&, const net::TlsOptions&)>
FakeVault::Factory() {
  return [this](const net::Url& url,
                const net::TlsOptions&) -> Result<std::unique_ptr<net::HttpClient>> {
    return std::make_unique<Node>(*this, url.Text());
  };
}

bool FakeVault::IsSilent(const std::string& address) const {
  absl::MutexLock lock(&mutex_);
  const auto node = nodes_.find(address);
  return node != nodes_.end() && node->second == NodeMode::kSilent;
}

void FakeVault::SetNode(const std::string& address, NodeMode mode) {
  absl::MutexLock lock(&mutex_);
  nodes_[OriginOf(address)] = mode;
}

void FakeVault::Freeze() {
  absl::MutexLock lock(&mutex_);
  frozen_ = mounts_;
}

void FakeVault::AddMount(const std::string& path, int version) {
  absl::MutexLock lock(&mutex_);
  mounts_[path].version = version;
}

void FakeVault::AddNamespace(const std::string& ns) {
  absl::MutexLock lock(&mutex_);
  namespaces_.insert(ns);
}

void FakeVault::AddToken(const std::string& token,
                         const std::string& ns,
                         std::chrono::seconds lease) {
  absl::MutexLock lock(&mutex_);
  TokenState state{.ns = ns, .ends = std::nullopt};
  if (lease != std::chrono::seconds::zero()) {
    state.ends = clock_.Now() + lease;
  }
  tokens_[token] = state;
}

void FakeVault::DropToken(const std::string& token) {
  absl::MutexLock lock(&mutex_);
  tokens_.erase(token);
}

void FakeVault::AddRole(const std::string& ns,
                        const std::string& mount,
                        const std::string& role,
                        const Role& value) {
  absl::MutexLock lock(&mutex_);
  roles_[Cat(ns, "|", mount, "|", role)] = value;
}

void FakeVault::Deny(const std::string& prefix) {
  absl::MutexLock lock(&mutex_);
  denied_.insert(prefix);
}

void FakeVault::Inject(const std::string& piece, const Fault& fault, int times) {
  absl::MutexLock lock(&mutex_);
  for (int i = 0; i < times; ++i) {
    faults_.emplace_back(piece, fault);
  }
}

void FakeVault::SetHook(std::function<void(const Seen&)> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

std::vector<FakeVault::Seen> FakeVault::seen() const {
  absl::MutexLock lock(&mutex_);
  return seen_;
}

int FakeVault::Count(std::string_view piece) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(std::ranges::count_if(seen_, [&](const Seen& seen) {
    return Cat(seen.method, " ", seen.path).find(piece) != std::string::npos;
  }));
}

std::string FakeVault::Stored(const std::string& mount,
                              const std::string& path,
                              std::size_t version) {
  absl::MutexLock lock(&mutex_);
  Mount& at = mounts_[mount];
  if (at.version == 1) {
    return at.one.contains(path) ? at.one[path].dump() : "";
  }
  const std::vector<Version>& versions = at.two[path].versions;
  const std::size_t wanted = version == 0 ? versions.size() : version;
  if (wanted == 0 || wanted > versions.size() || versions[wanted - 1].is_deleted ||
      versions[wanted - 1].is_destroyed) {
    return "";
  }
  return versions[wanted - 1].object.dump();
}

void FakeVault::Put1(const std::string& mount, const std::string& path, const std::string& object) {
  absl::MutexLock lock(&mutex_);
  mounts_[mount].one[path] = Json::parse(object);
}

void FakeVault::Put2(const std::string& mount, const std::string& path, const std::string& object) {
  absl::MutexLock lock(&mutex_);
  Version version;
  version.object = Json::parse(object);
  mounts_[mount].two[path].versions.push_back(version);
}

Json FakeVault::CustomMetadata(const std::string& mount, const std::string& path) {
  absl::MutexLock lock(&mutex_);
  return mounts_[mount].two[path].custom_metadata;
}

void FakeVault::SetDeletionTime(const std::string& mount,
                                const std::string& path,
                                const std::string& time) {
  absl::MutexLock lock(&mutex_);
  mounts_[mount].two[path].versions.back().deletion_time = time;
}

net::HttpAnswer FakeVault::Reply(int status, const Json& body) {
  net::HttpAnswer answer;
  answer.status = status;
  answer.headers.push_back({.name = "Content-Type", .value = "application/json"});
  answer.body = Secret(body.dump());
  return answer;
}

net::HttpAnswer FakeVault::Error(int status, const std::string& text) {
  Json errors = Json::array();
  if (!text.empty()) {
    errors.push_back(text);
  }
  return Reply(status, {{"errors", errors}});
}

net::HttpAnswer FakeVault::Empty() {
  net::HttpAnswer answer;
  answer.status = 204;
  return answer;
}

std::optional<FakeVault::Fault> FakeVault::TakeFault(const Seen& seen) {
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (Cat(seen.method, " ", seen.path).find(fault->first) != std::string::npos) {
      const Fault taken = fault->second;
      faults_.erase(fault);
      return taken;
    }
  }
  return std::nullopt;
}

Result<net::HttpAnswer> FakeVault::Answer(const std::string& address, const Seen& seen) {
  std::function<void(const Seen&)> hook;
  {
    absl::MutexLock lock(&mutex_);
    seen_.push_back(seen);
    hook = hook_;
  }
  if (hook) {
    hook(seen);
  }
  absl::MutexLock lock(&mutex_);
  const auto node = nodes_.find(address);
  const NodeMode mode = node == nodes_.end() ? NodeMode::kActive : node->second;
  if (mode == NodeMode::kDown) {
    return net::NeverArrived(Unavailable(Cat(address, ": connection refused")));
  }
  if (mode == NodeMode::kWrongCa) {
    return net::NeverArrived(
        InvalidArgument(Cat(address, ": certificate signed by an unknown authority")));
  }
  if (seen.path == "sys/health") {
    return Health(mode);
  }
  if (const std::optional<Fault> fault = TakeFault(seen); fault.has_value()) {
    if (fault->acts) {
      Route(seen, mounts_);
    }
    if (fault->status == 0) {
      return Unavailable(Cat(address, ": connection lost"));
    }
    net::HttpAnswer answer = Reply(fault->status, Json::object());
    answer.body = Secret(fault->body);
    answer.headers.insert(answer.headers.end(), fault->headers.begin(), fault->headers.end());
    return answer;
  }
  if (mode == NodeMode::kSealed) {
    return Error(503, "Vault is sealed");
  }
  if (mode == NodeMode::kRedirects) {
    net::HttpAnswer answer = Empty();
    answer.status = 307;
    answer.headers.push_back(
        {.name = "Location", .value = Cat(ActiveAddress(), "/v1/", seen.path)});
    return answer;
  }
  return Route(seen, mode == NodeMode::kStale && seen.method == "GET" ? frozen_ : mounts_);
}

std::string FakeVault::ActiveAddress() const {
  for (const auto& [address, mode] : nodes_) {
    if (mode == NodeMode::kActive) {
      return address;
    }
  }
  return "https://nowhere.example:8200";
}

net::HttpAnswer FakeVault::Health(NodeMode mode) const {
  switch (mode) {
    case NodeMode::kActive:
      return Reply(200, {{"standby", false}});
    case NodeMode::kSealed:
      return Reply(503, {{"sealed", true}});
    default:
      return Reply(429, {{"standby", true}});
  }
}

FakeVault::Routed FakeVault::Resolve(const Seen& seen) const {
  Routed request{.method = seen.method,
                 .ns = {},
                 .path = {},
                 .query = {},
                 .token = seen.token,
                 .body = seen.body.empty() ? Json() : Json::parse(seen.body, nullptr, false)};
  const std::size_t question = seen.path.find('?');
  std::string path = Unescape(seen.path.substr(0, question));
  request.query = question == std::string::npos ? "" : seen.path.substr(question + 1);
  path = seen.ns.empty() ? path : Cat(seen.ns, "/", path);
  for (const std::string& ns : namespaces_) {
    if (Under(path, ns) && ns.size() >= request.ns.size()) {
      request.ns = ns;
    }
  }
  request.path = Below(path, request.ns);
  return request;
}

bool FakeVault::IsAllowed(const Routed& request) const {
  const auto token = tokens_.find(request.token);
  if (token == tokens_.end() || !Under(request.ns, token->second.ns) ||
      (token->second.ends.has_value() && *token->second.ends <= clock_.Now())) {
    return false;
  }
  const std::string whole = request.ns.empty() ? request.path : Cat(request.ns, "/", request.path);
  return std::ranges::none_of(denied_,
                              [&](const std::string& prefix) { return whole.starts_with(prefix); });
}

net::HttpAnswer FakeVault::Route(const Seen& seen, Mounts& mounts) {
  const Routed request = Resolve(seen);
  if (request.path.starts_with("auth/") && request.path.ends_with("/login")) {
    return Login(request);
  }
  if (!IsAllowed(request)) {
    return Error(403, "permission denied");
  }
  if (request.path.starts_with("auth/token/")) {
    return Tokens(request);
  }
  if (request.path == "sys/mounts") {
    return ListMounts(request, mounts);
  }
  if (request.path.starts_with("sys/internal/ui/mounts/")) {
    return UiMount(request, mounts);
  }
  return Kv(request, mounts);
}

net::HttpAnswer FakeVault::Login(const Routed& request) {
  const std::string mount = request.path.substr(5, request.path.size() - 5 - 6);
  const std::string prefix = Cat(request.ns, "|", mount, "|");
  if (std::ranges::none_of(roles_,
                           [&](const auto& role) { return role.first.starts_with(prefix); })) {
    return Error(403, "permission denied");
  }
  const std::string role = request.body.value("role", "");
  const auto found = roles_.find(prefix + role);
  if (found == roles_.end()) {
    return Error(400, Cat("invalid role name \"", role, "\""));
  }
  if (!found->second.jwts.contains(request.body.value("jwt", ""))) {
    return Error(403, "service account name not authorized");
  }
  const std::string token = Cat("hvs.", next_token_++);
  TokenState state{.ns = request.ns, .ends = std::nullopt};
  const std::chrono::seconds lease = found->second.lease;
  if (lease != std::chrono::seconds::zero()) {
    state.ends = clock_.Now() + lease;
  }
  tokens_[token] = state;
  return Reply(200, {{"auth", {{"client_token", token}, {"lease_duration", lease.count()}}}});
}

net::HttpAnswer FakeVault::Tokens(const Routed& request) {
  if (request.path == "auth/token/revoke-self") {
    tokens_.erase(request.token);
    return Empty();
  }
  return Reply(200, {{"data", {{"ttl", 0}}}});
}

net::HttpAnswer FakeVault::ListMounts(const Routed& request, const Mounts& mounts) const {
  Json data = Json::object();
  for (const auto& [path, mount] : mounts) {
    if (Under(path, request.ns)) {
      const Json options = mount.version == 2 ? Json{{"version", "2"}} : Json();
      data[Below(path, request.ns) + "/"] = {{"type", "kv"}, {"options", options}};
    }
  }
  data["sys/"] = {{"type", "system"}, {"options", Json()}};
  return Reply(200, {{"data", data}});
}

net::HttpAnswer FakeVault::UiMount(const Routed& request, const Mounts& mounts) const {
  const std::string rest = request.path.substr(std::string_view("sys/internal/ui/mounts/").size());
  const std::string whole = request.ns.empty() ? rest : Cat(request.ns, "/", rest);
  for (const auto& [path, mount] : mounts) {
    if (Under(whole, path)) {
      return Reply(200, {{"data",
                          {{"path", Below(path, request.ns) + "/"},
                           {"type", "kv"},
                           {"options", {{"version", std::to_string(mount.version)}}}}}});
    }
  }
  return Error(403, "preflight capability check returned 403");
}

}  // namespace rbdcrypt::testing
