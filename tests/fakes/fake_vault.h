// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/status.h"
#include "net/http_client.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace rbdcrypt::testing {

// A Vault in memory behind net::HttpClient: KV 1 and 2 with check-and-set, versions and soft
// deletes, namespaces, Kubernetes logins, tokens that end, and nodes that are sealed, standby,
// behind the times or gone. Answers as reference vault.md says a real one does. Thread safe.
//
//   FakeVault vault(clock);
//   vault.AddMount("secret", 2);
//   vault.AddToken("root");
//   family options .http = vault.Factory();
class FakeVault {
 public:
  enum class NodeMode {
    kActive,
    // Forwards everything.
    kStandby,
    // Answers 307 with the active node's address.
    kRedirects,
    // Serves reads itself, from the state as it was when Freeze() was called.
    kStale,
    kSealed,
    // Nobody listens.
    kDown,
    // Takes what comes and says nothing.
    kSilent,
    // Its certificate does not verify.
    kWrongCa,
  };

  // One request as it came; secrets in clear, for these are test values.
  struct Seen {
    std::string node;
    std::string method;
    // Behind "v1/", with its query.
    std::string path;
    std::string ns;
    std::string token;
    std::string body;
    std::map<std::string, std::string> headers;
  };

  struct Role {
    // The JWTs that it lets in.
    std::set<std::string> jwts;
    std::chrono::seconds lease = std::chrono::hours(1);
  };

  // What happens to a request instead of, or beside, being answered.
  struct Fault {
    // Answered with this; 0: the connection is lost.
    int status = 0;
    std::string body = R"({"errors":["injected"]})";
    std::vector<net::Header> headers = {};
    // Whether the request is acted upon before.
    bool acts = false;
  };

  explicit FakeVault(Clock& clock) : clock_(clock) {}

  // Clients for any address of which SetNode() was called; others are active.
  std::function<Result<std::unique_ptr<net::HttpClient>>(const net::Url&, const net::TlsOptions&)>
  Factory();

  void SetNode(const std::string& address, NodeMode mode);
  // What stale nodes see from now on.
  void Freeze();

  // `path` with its namespace: "ns1/secret". Its namespace must be known.
  void AddMount(const std::string& path, int version);
  void AddNamespace(const std::string& ns);
  // `ns`: where the token was made; it is good there and below. Zero: it does not end.
  void AddToken(const std::string& token,
                const std::string& ns = "",
                std::chrono::seconds lease = std::chrono::seconds::zero());
  void DropToken(const std::string& token);
  // Kubernetes login at <ns>/auth/<mount>.
  void AddRole(const std::string& ns,
               const std::string& mount,
               const std::string& role,
               const Role& value);
  // No token may use paths with this prefix any more ("secret/destroy/"); whole path with
  // namespace.
  void Deny(const std::string& prefix);

  // The next requests whose path contains `piece` meet these faults, in order.
  void Inject(const std::string& piece, const Fault& fault, int times = 1);
  // Called for each request before it is answered, without a lock held.
  void SetHook(std::function<void(const Seen&)> hook);

  std::vector<Seen> seen() const;
  // Requests whose "METHOD path" contains `piece`.
  int Count(std::string_view piece) const;

  // The stored object of KV 1 or of a version of KV 2 ("secret", "ceph-csi/x"), as text; "" where
  // there is none.
  std::string Stored(const std::string& mount, const std::string& path, std::size_t version = 0);
  void Put1(const std::string& mount, const std::string& path, const std::string& object);
  // Adds a version.
  void Put2(const std::string& mount, const std::string& path, const std::string& object);
  nlohmann::json CustomMetadata(const std::string& mount, const std::string& path);
  void SetDeletionTime(const std::string& mount, const std::string& path, const std::string& time);

 private:
  class Node;

  struct Version {
    nlohmann::json object;
    std::string deletion_time;
    bool is_deleted = false;
    bool is_destroyed = false;
  };

  struct Secret2 {
    std::vector<Version> versions;
    nlohmann::json custom_metadata;
  };

  struct Mount {
    int version = 1;
    std::map<std::string, nlohmann::json> one;
    std::map<std::string, Secret2> two;
  };

  struct TokenState {
    std::string ns;
    std::optional<Clock::TimePoint> ends;
  };

  // One request on its way through the router.
  struct Routed {
    std::string method;
    std::string ns;
    // Below the namespace, unescaped, without query.
    std::string path;
    std::string query;
    std::string token;
    nlohmann::json body;
  };

  using Mounts = std::map<std::string, Mount>;

  // Whether `path` is `prefix` or below it, and what is then left of it.
  static bool Under(const std::string& path, const std::string& prefix) {
    return prefix.empty() || path == prefix || path.starts_with(prefix + "/");
  }

  static std::string Below(const std::string& path, const std::string& prefix) {
    const std::size_t skipped = prefix.empty() ? 0 : prefix.size() + 1;
    return skipped < path.size() ? path.substr(skipped) : "";
  }

  static net::HttpAnswer Reply(int status, const nlohmann::json& body);
  static net::HttpAnswer Error(int status, const std::string& text = "");
  static net::HttpAnswer Empty();
  static nlohmann::json MetadataOf(const Secret2& secret, std::size_t version);

  bool IsSilent(const std::string& address) const;
  Result<net::HttpAnswer> Answer(const std::string& address, const Seen& seen);
  std::optional<Fault> TakeFault(const Seen& seen) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpAnswer Health(NodeMode mode) const;
  std::string ActiveAddress() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpAnswer Route(const Seen& seen, Mounts& mounts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Routed Resolve(const Seen& seen) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsAllowed(const Routed& request) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpAnswer Login(const Routed& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpAnswer Tokens(const Routed& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  net::HttpAnswer ListMounts(const Routed& request, const Mounts& mounts) const;
  net::HttpAnswer UiMount(const Routed& request, const Mounts& mounts) const;
  net::HttpAnswer Kv(const Routed& request, Mounts& mounts);
  static net::HttpAnswer Kv1(const Routed& request, Mount& mount, const std::string& rest);
  static net::HttpAnswer Kv2(const Routed& request, Mount& mount, const std::string& rest);
  static net::HttpAnswer Read2(const Routed& request, const Secret2* secret);
  static net::HttpAnswer Write2(const Routed& request, Secret2& secret);

  Clock& clock_;
  mutable absl::Mutex mutex_;
  std::map<std::string, NodeMode> nodes_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> namespaces_ ABSL_GUARDED_BY(mutex_) = {""};
  Mounts mounts_ ABSL_GUARDED_BY(mutex_);
  Mounts frozen_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, TokenState> tokens_ ABSL_GUARDED_BY(mutex_);
  // "ns|mount|role".
  std::map<std::string, Role> roles_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> denied_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::pair<std::string, Fault>> faults_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const Seen&)> hook_ ABSL_GUARDED_BY(mutex_);
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  int next_token_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace rbdcrypt::testing
