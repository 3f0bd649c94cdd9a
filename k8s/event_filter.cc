// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/event_filter.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

// No field can hold this character (API names) or needs to.
constexpr char kSeparator = '\0';

std::string KeyOf(const ObjectReference& object) {
  return Cat(object.api_version, kSeparator, object.kind, kSeparator, object.ns, kSeparator,
             object.name, kSeparator, object.uid);
}

std::string KeyOf(const Event& event) {
  return Cat(KeyOf(event.regarding), kSeparator, event.is_warning, kSeparator, event.reason,
             kSeparator, event.message);
}

}  // namespace

bool EventFilter::TakeToken(const Event& event) {
  Bucket& bucket = buckets_.Touch(KeyOf(event.regarding));
  const Clock::TimePoint now = clock_.Now();
  bucket.full_at = std::max(bucket.full_at, now);
  if (bucket.full_at - now > kEventRefill * (kEventBurst - 1)) {
    return false;
  }
  bucket.full_at += kEventRefill;
  return true;
}

EventFilter::Decision EventFilter::Decide(const Event& event) {
  if (!TakeToken(event)) {
    return {.action = Decision::Action::kDrop, .name = "", .count = 0};
  }
  Repeated& repeated = repeated_.Touch(KeyOf(event));
  if (repeated.name.empty() || clock_.Now() - repeated.last > kEventWindow) {
    return {.action = Decision::Action::kCreate, .name = "", .count = 1};
  }
  repeated.last = clock_.Now();
  return {.action = Decision::Action::kCount, .name = repeated.name, .count = ++repeated.count};
}

void EventFilter::Created(const Event& event, const std::string& name) {
  repeated_.Touch(KeyOf(event)) = {.name = name, .count = 1, .last = clock_.Now()};
}

void EventFilter::Lost(const Event& event) {
  repeated_.Forget(KeyOf(event));
}

}  // namespace rbdcrypt::k8s
