// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/lease.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::string_view kApiVersion = "coordination.k8s.io/v1";

// A renewal that came this much later than the period is not yet the end (client-go,
// leaderelection.go, JitterFactor).
constexpr std::chrono::milliseconds Jittered(std::chrono::seconds period) {
  return std::chrono::milliseconds(period) * 12 / 10;
}

// How long the record says that it is valid; `otherwise` where it does not say.
std::chrono::seconds DurationOf(const Lease& lease, std::chrono::seconds otherwise) {
  if (lease.duration_seconds <= 0) {
    return otherwise;
  }
  // The API's type is 32 bits wide; more would overflow a time.
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return std::chrono::seconds(std::min(lease.duration_seconds, kMost));
}

}  // namespace

Status CheckLeaseOptions(const LeaseOptions& options) {
  if (options.lease.ns.empty() || options.lease.name.empty() || options.identity.empty()) {
    return InvalidArgument("leader election needs a lease's name and namespace, and an identity");
  }
  if (options.retry_period <= std::chrono::seconds::zero() ||
      options.renew_deadline <= Jittered(options.retry_period) ||
      options.lease_duration <= options.renew_deadline) {
    return InvalidArgument(Cat("leader election: lease duration (", options.lease_duration.count(),
                               " s) must be above the renew deadline (",
                               options.renew_deadline.count(), " s), and that above 1.2 times the ",
                               "retry period (", options.retry_period.count(), " s)"));
  }
  return OkStatus();
}

LeaseCandidate::LeaseCandidate(Client& client, Clock& clock, LeaseOptions options)
    : client_(client), clock_(clock), options_(std::move(options)) {
  RBDCRYPT_CHECK(CheckLeaseOptions(options_).ok());
}

Result<bool> LeaseCandidate::Attempt(const Context& context) {
  const Clock::TimePoint started = clock_.Now();
  Result<Json> object = client_.Get(context, kLeases, options_.lease);
  if (object.status().code() == Code::kNotFound) {
    return TakeNew(context, started);
  }
  RETURN_IF_ERROR(object.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*object));
  Observe(lease);
  if (IsHeldByAnother()) {
    return false;
  }
  return TakeOver(context, *std::move(object), started);
}

Result<bool> LeaseCandidate::TakeNew(const Context& context, Clock::TimePoint started) {
  const Json object = {
      {"apiVersion", kApiVersion},
      {"kind", "Lease"},
      {"metadata", {{"name", options_.lease.name}, {"namespace", options_.lease.ns}}},
      {"spec", Spec(nullptr)}};
  const Result<Json> created = client_.Create(context, kLeases, object);
  if (created.status().code() == Code::kAlreadyExists) {
    return false;
  }
  RETURN_IF_ERROR(created.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*created));
  Lead(started, lease);
  return true;
}

Result<bool> LeaseCandidate::TakeOver(const Context& context,
                                      Json object,
                                      Clock::TimePoint started) {
  ASSIGN_OR_RETURN(const Lease previous, ParseLease(object));
  // What others put beside these fields stays.
  object["spec"].update(Spec(&previous));
  const Result<Json> updated = client_.Update(context, kLeases, object, Part::kMain);
  if (updated.status().code() == Code::kAborted) {
    return false;
  }
  RETURN_IF_ERROR(updated.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*updated));
  Lead(started, lease);
  return true;
}

Json LeaseCandidate::Spec(const Lease* previous) const {
  const WallTime now = clock_.Wall();
  const bool renews = previous != nullptr && previous->holder == options_.identity;
  const std::int64_t transitions =
      previous == nullptr ? 0 : previous->transitions + (renews ? 0 : 1);
  return {{"holderIdentity", options_.identity},
          {"leaseDurationSeconds", options_.lease_duration.count()},
          {"acquireTime", FormatMicroTime(renews ? previous->acquired.value_or(now) : now)},
          {"renewTime", FormatMicroTime(now)},
          {"leaseTransitions", transitions}};
}

void LeaseCandidate::Observe(const Lease& lease) {
  absl::MutexLock lock(&mutex_);
  Observed seen = {.holder = lease.holder,
                   .duration = DurationOf(lease, options_.lease_duration),
                   .renewed = lease.renewed,
                   .transitions = lease.transitions,
                   .since = clock_.Now()};
  if (!observed_.has_value() || observed_->holder != seen.holder ||
      observed_->renewed != seen.renewed || observed_->transitions != seen.transitions) {
    observed_ = std::move(seen);
  }
}

bool LeaseCandidate::IsHeldByAnother() const {
  absl::MutexLock lock(&mutex_);
  return observed_.has_value() && !observed_->holder.empty() &&
         observed_->holder != options_.identity &&
         clock_.Now() < observed_->since + observed_->duration;
}

void LeaseCandidate::Lead(Clock::TimePoint started, const Lease& written) {
  Observe(written);
  absl::MutexLock lock(&mutex_);
  leading_until_ = started + options_.renew_deadline;
}

Status LeaseCandidate::Release(const Context& context) {
  {
    absl::MutexLock lock(&mutex_);
    leading_until_ = Clock::TimePoint::min();
  }
  Result<Json> object = client_.Get(context, kLeases, options_.lease);
  if (object.status().code() == Code::kNotFound) {
    return OkStatus();
  }
  RETURN_IF_ERROR(object.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*object));
  if (lease.holder != options_.identity) {
    return OkStatus();
  }
  // As client-go's release(): a holder that is absent, and the shortest duration.
  Json& spec = (*object)["spec"];
  spec.update(Spec(&lease));
  spec["acquireTime"] = spec["renewTime"];
  spec["leaseDurationSeconds"] = 1;
  spec.erase("holderIdentity");
  return client_.Update(context, kLeases, *object, Part::kMain).status();
}

bool LeaseCandidate::IsLeader() const {
  absl::MutexLock lock(&mutex_);
  return clock_.Now() < leading_until_;
}

std::string LeaseCandidate::holder() const {
  absl::MutexLock lock(&mutex_);
  return observed_.has_value() ? observed_->holder : "";
}

}  // namespace rbdcrypt::k8s
