// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/lease.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/encoding.h"
#include "base/secret.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::string_view kApiVersion = "coordination.k8s.io/v1";

// The duration in a record that its holder gave back, as client-go's release() writes it.
constexpr std::int64_t kReleasedSeconds = 1;

// The API's numbers are 32 bits wide.
constexpr std::int64_t kMostInt = std::numeric_limits<std::int32_t>::max();

// More is a mistake in the unit.
constexpr std::chrono::hours kLongestDuration(24);

// Behind the name in holderIdentity.
constexpr std::size_t kSuffixBytes = 8;

// How often a lease is read again that changed between its reading and its writing.
constexpr int kRounds = 2;

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
  // More would overflow a time.
  return std::chrono::seconds(std::min(lease.duration_seconds, kMostInt));
}

Json SpecOf(const Json& object) {
  const auto spec = object.find("spec");
  return spec == object.end() ? Json() : *spec;
}

}  // namespace

Status CheckLeaseOptions(const LeaseOptions& options) {
  if (options.lease.ns.empty() || options.lease.name.empty() || options.identity.empty()) {
    return InvalidArgument("leader election needs a lease's name and namespace, and an identity");
  }
  if (options.lease_duration > kLongestDuration ||
      options.retry_period <= std::chrono::seconds::zero() ||
      options.renew_deadline >= options.lease_duration ||
      options.retry_period >= options.renew_deadline ||
      options.renew_deadline <= Jittered(options.retry_period)) {
    return InvalidArgument(Cat("leader election: lease duration (", options.lease_duration.count(),
                               " s) must be above the renew deadline (",
                               options.renew_deadline.count(), " s), and that above 1.2 times the ",
                               "retry period (", options.retry_period.count(),
                               " s), and none beyond a day"));
  }
  return OkStatus();
}

Result<std::unique_ptr<LeaseCandidate>> LeaseCandidate::New(Client& client,
                                                            Clock& clock,
                                                            LeaseOptions options) {
  RETURN_IF_ERROR(CheckLeaseOptions(options));
  ASSIGN_OR_RETURN(const Secret suffix, RandomSecret(kSuffixBytes));
  std::string identity = Cat(options.identity, '_', HexEncode(suffix.Reveal()));
  return std::unique_ptr<LeaseCandidate>(
      new LeaseCandidate(client, clock, std::move(options), std::move(identity)));
}

LeaseCandidate::LeaseCandidate(Client& client,
                               Clock& clock,
                               LeaseOptions options,
                               std::string identity)
    : client_(client),
      clock_(clock),
      options_(std::move(options)),
      identity_(std::move(identity)) {}

Result<bool> LeaseCandidate::Attempt(const Context& context) {
  for (int round = 0; round < kRounds; ++round) {
    ASSIGN_OR_RETURN(const Outcome outcome, AttemptOnce(context));
    // It may have been a write of our own whose answer was lost.
    if (outcome != Outcome::kChanged) {
      return outcome == Outcome::kOurs;
    }
  }
  return false;
}

Result<LeaseCandidate::Outcome> LeaseCandidate::AttemptOnce(const Context& context) {
  const Clock::TimePoint started = clock_.Now();
  Result<Json> object = client_.Get(context, kLeases, options_.lease);
  if (object.status().code() == Code::kNotFound) {
    EndTerm();
    RETURN_IF_ERROR(CreateFree(context));
    return Outcome::kAnothers;
  }
  RETURN_IF_ERROR(object.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*object));
  Observe(lease, *object);
  if (lease.holder != identity_) {
    EndTerm();
  }
  if (!IsFree(lease)) {
    return Outcome::kAnothers;
  }
  return TakeOver(context, *std::move(object), lease, started);
}

// A Lease that nobody holds and that has to run out: whoever led by one that was deleted does not
// know it yet.
Status LeaseCandidate::CreateFree(const Context& context) {
  const Json object = {
      {"apiVersion", kApiVersion},
      {"kind", "Lease"},
      {"metadata", {{"name", options_.lease.name}, {"namespace", options_.lease.ns}}},
      {"spec", {{"leaseDurationSeconds", options_.lease_duration.count()}}}};
  const Result<Json> created = client_.Create(context, kLeases, object);
  if (created.status().code() == Code::kAlreadyExists) {
    return OkStatus();
  }
  RETURN_IF_ERROR(created.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*created));
  Observe(lease, *created);
  return OkStatus();
}

Result<LeaseCandidate::Outcome> LeaseCandidate::TakeOver(const Context& context,
                                                         Json object,
                                                         const Lease& previous,
                                                         Clock::TimePoint started) {
  Json& spec = object["spec"];
  if (!spec.is_object()) {
    spec = Json::object();
  }
  // What others put beside these fields stays.
  spec.update(Spec(previous));
  SetMayHold(true);
  const Result<Json> updated = client_.Update(context, kLeases, object, Part::kMain);
  if (updated.status().code() == Code::kAborted || updated.status().code() == Code::kNotFound) {
    return Outcome::kChanged;
  }
  RETURN_IF_ERROR(updated.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*updated));
  Observe(lease, *updated);
  Lead(started);
  return Outcome::kOurs;
}

Json LeaseCandidate::Spec(const Lease& previous) const {
  const WallTime now = clock_.Wall();
  const bool renews = previous.holder == identity_;
  return {{"holderIdentity", identity_},
          {"leaseDurationSeconds", options_.lease_duration.count()},
          {"acquireTime", FormatMicroTime(renews ? previous.acquired.value_or(now) : now)},
          {"renewTime", FormatMicroTime(now)},
          {"leaseTransitions",
           std::clamp<std::int64_t>(previous.transitions, 0, kMostInt - 1) + (renews ? 0 : 1)}};
}

void LeaseCandidate::Observe(const Lease& lease, const Json& object) {
  Observed seen = {.holder = lease.holder,
                   .uid = lease.meta.uid,
                   .spec = SpecOf(object),
                   .duration = DurationOf(lease, options_.lease_duration),
                   .since = clock_.Now()};
  const absl::MutexLock lock(&mutex_);
  if (!observed_.has_value() || observed_->uid != seen.uid || observed_->spec != seen.spec) {
    observed_ = std::move(seen);
  }
}

bool LeaseCandidate::IsFree(const Lease& lease) const {
  if (lease.holder == identity_ ||
      (lease.holder.empty() && lease.duration_seconds == kReleasedSeconds)) {
    return true;
  }
  const absl::MutexLock lock(&mutex_);
  return clock_.Now() >= observed_->since + observed_->duration;
}

void LeaseCandidate::Lead(Clock::TimePoint started) {
  const Clock::TimePoint until = started + options_.renew_deadline;
  const absl::MutexLock lock(&mutex_);
  if (term_ == nullptr || !term_->Extend(until)) {
    term_ = std::make_shared<LeaderTerm>(clock_, until);
  }
}

void LeaseCandidate::EndTerm() {
  const absl::MutexLock lock(&mutex_);
  if (term_ != nullptr) {
    term_->End();
  }
}

Status LeaseCandidate::Release(const Context& context) {
  EndTerm();
  for (int round = 0; round < kRounds; ++round) {
    ASSIGN_OR_RETURN(const Outcome outcome, ReleaseOnce(context));
    if (outcome != Outcome::kChanged) {
      SetMayHold(false);
      return OkStatus();
    }
  }
  return Aborted(Cat(Describe(kLeases, options_.lease), " changes while it is given back"));
}

Result<LeaseCandidate::Outcome> LeaseCandidate::ReleaseOnce(const Context& context) {
  Result<Json> object = client_.Get(context, kLeases, options_.lease);
  if (object.status().code() == Code::kNotFound) {
    return Outcome::kAnothers;
  }
  RETURN_IF_ERROR(object.status());
  ASSIGN_OR_RETURN(const Lease lease, ParseLease(*object));
  if (lease.holder != identity_) {
    return Outcome::kAnothers;
  }
  // As client-go's release(): a holder that is absent, and the shortest duration.
  Json& spec = (*object)["spec"];
  spec.update(Spec(lease));
  spec["acquireTime"] = spec["renewTime"];
  spec["leaseDurationSeconds"] = kReleasedSeconds;
  spec.erase("holderIdentity");
  const Status updated = client_.Update(context, kLeases, *object, Part::kMain).status();
  if (updated.code() == Code::kAborted || updated.code() == Code::kNotFound) {
    return Outcome::kChanged;
  }
  RETURN_IF_ERROR(updated);
  return Outcome::kAnothers;
}

void LeaseCandidate::SetMayHold(bool may_hold) {
  const absl::MutexLock lock(&mutex_);
  may_hold_ = may_hold;
}

bool LeaseCandidate::IsLeader() const {
  const std::shared_ptr<LeaderTerm> present = term();
  return present != nullptr && !present->over();
}

std::shared_ptr<LeaderTerm> LeaseCandidate::term() const {
  const absl::MutexLock lock(&mutex_);
  return term_;
}

bool LeaseCandidate::MayHold() const {
  const absl::MutexLock lock(&mutex_);
  return may_hold_;
}

std::string LeaseCandidate::holder() const {
  const absl::MutexLock lock(&mutex_);
  return observed_.has_value() ? observed_->holder : "";
}

}  // namespace rbdcrypt::k8s
