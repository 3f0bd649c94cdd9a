// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/json.h"
#include "k8s/api_path.h"
#include "net/http_client.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/fake_kube_store.h"

namespace rbdcrypt::testing {

// An API server in memory behind net::HttpClient: what k8s::RestClient asks of a real one, and its
// failures on demand. Every type exists unless Unserve() says otherwise. Thread safe; watches block
// as real ones do, until their context ends, so they need a thread that can be cancelled.
//
//   FakeKubeApi api;
//   api.Put(k8s::kConfigMaps, {"shop", "config"}, {{"data", {{"key", "value"}}}});
//   k8s::RestClient client(api);
class FakeKubeApi final : public net::HttpClient {
 public:
  using Seen = FakeHttpClient::Seen;

  // One answer, or one failure of the network, instead of what would come.
  struct Fault {
    enum class Kind {
      // This answer; nothing is done.
      kAnswer,
      // The request is carried out, and its answer lost: kUnavailable.
      kLostAnswer,
      // Nobody listens: kUnavailable, and net::MayHaveArrived is false.
      kNeverArrived,
    };

    Kind kind = Kind::kAnswer;
    int status = 500;
    std::string reason = {};
    std::string message = {};
    // Not sent where absent.
    std::optional<std::string> retry_after = {};
    // The whole body instead of a Status object.
    std::optional<std::string> body = {};
  };

  Result<net::HttpAnswer> Send(const Context& context, const net::HttpRequest& request) override;
  Result<net::HttpAnswer> Stream(
      const Context& context,
      const net::HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) override;

  const std::string& address() const override { return address_; }

  // Stores an object, status included, with a new version and its name; returns it.
  Json Put(const k8s::Resource& resource, const k8s::ObjectName& name, Json object);
  // Removes it for good; false where there is none.
  bool Remove(const k8s::Resource& resource, const k8s::ObjectName& name);
  // The stored object, or null.
  Json Find(const k8s::Resource& resource, const k8s::ObjectName& name) const;

  // Of the next requests of any kind, in order.
  void Fail(const Fault& fault, int times = 1);
  // Only requests whose bearer token is one of these are let in; none: everyone.
  void AcceptTokens(std::set<std::string> tokens);
  // Paths of this type are unknown, as without its CustomResourceDefinition.
  void Unserve(std::string_view plural);
  // Expires older watches and continue tokens.
  void ForgetHistory();
  // Ends all open watches: as the server does when their time is over, or as a broken connection.
  void EndWatches();
  void DropWatches();
  // Tells all open watches the present version.
  void SendBookmarks();
  // A line for all open watches, as it is.
  void SendLine(std::string line);

  // Returns when so many watches were begun in all; false after ten seconds of real time.
  bool WaitForWatches(int begun) const;

  std::vector<Seen> seen() const;
  // Forgets what was seen.
  void ClearSeen();
  // How many requests had this method and a target that begins so.
  std::size_t Count(std::string_view method, std::string_view target_prefix) const;

 private:
  // A target taken apart.
  struct Target {
    FakeKubeStore::Key key;
    std::string part;
    std::vector<std::pair<std::string, std::string>> query;

    std::string Query(std::string_view name) const;
  };

  // What happens to every open watch, after what it has been told.
  struct Broadcast {
    enum class Kind { kLine, kBookmark, kEnd, kDrop };

    Kind kind = Kind::kLine;
    std::string line = {};
  };

  // One open watch.
  struct WatchState {
    Target target;
    bool metadata_only = false;
    std::uint64_t version = 0;
    std::size_t broadcast = 0;
  };

  static Target Parse(std::string_view target);
  static FakeKubeStore::Key KeyOf(const k8s::Resource& resource, const k8s::ObjectName& name);

  void Note(const net::HttpRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<FakeKubeStore::Reply> Refuse(const Target& target)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FakeKubeStore::Reply Carry(const net::HttpRequest& request, const Target& target)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FakeKubeStore::Reply Write(const net::HttpRequest& request, const Target& target)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FakeKubeStore::Reply NewToken(const Target& target) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<net::HttpAnswer> Fail(const Fault& fault, const net::HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<net::HttpAnswer> SendLocked(const net::HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The lines that a watch was not yet told of; `end` is set where it is over then.
  std::vector<std::string> News(WatchState& watch, std::optional<Status>& end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(Broadcast broadcast);

  const std::string address_ = "https://fake-kubernetes:443";
  mutable absl::Mutex mutex_;
  mutable absl::CondVar changed_;
  FakeKubeStore store_ ABSL_GUARDED_BY(mutex_);
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> tokens_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> unserved_ ABSL_GUARDED_BY(mutex_);
  std::vector<Broadcast> broadcasts_ ABSL_GUARDED_BY(mutex_);
  int watches_begun_ ABSL_GUARDED_BY(mutex_) = 0;
  int tokens_made_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rbdcrypt::testing
