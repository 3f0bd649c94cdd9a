// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/watch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "base/wait.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::nanoseconds;

// A watch that ends sooner and says nothing is a failure (client-go, "very short watch").
constexpr std::chrono::seconds kShortWatch(1);

// A list that takes longer hangs.
constexpr std::chrono::minutes kListTimeout(5);

// After so many failures in a row the list is asked for, whatever they were: a version that the API
// server does not have yet, after etcd was restored, is one that it may never have.
constexpr int kMaxFailuresOfOneList = 3;

// Beyond this many failures the wait grows no more, whatever the cap.
constexpr int kMaxDoublings = 20;

// Whether a watch that ended so may go on from where it was.
bool MayGoOnAfter(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace

WatchLoop::WatchLoop(Client& client, WatcherOptions options, WatchListener listener)
    : client_(client), options_(std::move(options)), listener_(std::move(listener)) {}

void WatchLoop::Run(const Context& context) {
  while (context.Check("watch").ok()) {
    const Clock::TimePoint started = context.clock().Now();
    const Status status = Turn(context);
    const nanoseconds wait = WaitAfter(status, context.clock().Now() - started);
    if (!context.Check("watch").ok()) {
      return;
    }
    if (!status.ok() && !IsExpired(status)) {
      LogWarn("watching Kubernetes objects fails",
              {{"resource", std::string(options_.resource.plural)},
               {"error", Message(status)},
               {"failures", Cat(failures_)}});
    }
    if (wait > nanoseconds::zero() && !WaitFor(context, wait)) {
      return;
    }
  }
}

Status WatchLoop::Turn(const Context& context) {
  heard_ = false;
  if (needs_list_) {
    RETURN_IF_ERROR(ListAll(context));
  }
  const Status status = WatchOnce(context);
  // Who may list and not watch hears of changes by listing, now and then.
  needs_list_ =
      needs_list_ || !MayGoOnAfter(status) || (!heard_ && failures_ + 1 >= kMaxFailuresOfOneList);
  return status;
}

Status WatchLoop::ListAll(const Context& context) {
  ASSIGN_OR_RETURN(ObjectList list, client_.List(context.WithTimeout(kListTimeout),
                                                 options_.resource, options_.selection));
  ASSIGN_OR_RETURN(const std::vector<ObjectChange> changes, cache_.Replace(std::move(list)));
  needs_list_ = false;
  const bool is_first = !synced_.exchange(true);
  if (is_first || !changes.empty()) {
    listener_(changes, cache_.objects());
  }
  return OkStatus();
}

Status WatchLoop::WatchOnce(const Context& context) {
  const auto timeout = std::chrono::duration_cast<std::chrono::seconds>(
      RandomBetween(options_.watch_timeout, options_.watch_timeout * 2));
  const WatchOptions watch = {.selection = options_.selection,
                              .resource_version = cache_.resource_version(),
                              .timeout = timeout};
  return client_.Watch(context, options_.resource, watch, [&](WatchEvent event) -> Status {
    heard_ = true;
    ASSIGN_OR_RETURN(const std::vector<ObjectChange> changes, cache_.Apply(std::move(event)));
    if (!changes.empty()) {
      listener_(changes, cache_.objects());
    }
    return context.Check("take the next event");
  });
}

nanoseconds WatchLoop::WaitAfter(const Status& status, nanoseconds took) {
  if (heard_ || (status.ok() && took >= kShortWatch)) {
    failures_ = 0;
  }
  if (status.ok() && (heard_ || took >= kShortWatch)) {
    return nanoseconds::zero();
  }
  nanoseconds limit = options_.backoff;
  for (int i = 0; i < std::min(failures_, kMaxDoublings) && limit < options_.backoff_cap; ++i) {
    limit *= 2;
  }
  ++failures_;
  limit = std::min(limit, options_.backoff_cap);
  return RandomBetween(limit / 2, limit);
}

}  // namespace rbdcrypt::k8s
