// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "k8s/objects.h"
#include "rotation/names.h"

namespace rbdcrypt::rotation {

inline constexpr k8s::Resource kRotationJobs = {kAddonsGroup, kAddonsVersion,
                                                "encryptionkeyrotationjobs"};

// What counts where a Job does not say, or says 0 (csi-and-addons 3.1).
inline constexpr std::int64_t kDefaultBackOffLimit = 6;
inline constexpr std::chrono::seconds kDefaultRetryDeadline(600);
// What counts where it does not say.
inline constexpr std::chrono::seconds kDefaultTimeout(180);

// Largest and smallest values that the CRD admits (same source); others, which only a changed CRD
// lets in, are cut to them.
inline constexpr std::int64_t kMostBackOffLimit = 60;
inline constexpr std::chrono::seconds kMostRetryDeadline(1800);
inline constexpr std::chrono::seconds kLeastTimeout(60);

// A Kubernetes condition (apimachinery, pkg/apis/meta/v1/types.go).
struct Condition {
  std::string type = {};
  std::string status = {};
  std::string reason = {};
  std::string message = {};
  std::int64_t observed_generation = 0;
  std::optional<k8s::WallTime> last_transition = {};

  bool operator==(const Condition&) const = default;
};

// An EncryptionKeyRotationJob: one rotation of one PVC's volume, with its attempts.
//
//   job.BeginAttempt(now);                      and write StatusJson(), before the first effect
//   job.EndAttempt(rotation.Run(…), now);       and write it again
//
// The status is csi-addons' (csi-and-addons 3.1), so either controller takes over from the other.
// It deviates where one attempt is always made, also of a Job that waited longer than its deadline
// to be taken: ours wait for a free seat.
struct RotationJob {
  enum class State { kActive, kSucceeded, kFailed };

  k8s::ObjectMeta meta = {};
  std::int64_t generation = 0;
  // The annotation: which run of a CronJob it is.
  std::optional<k8s::WallTime> scheduled_at = {};

  // Name of the PVC, in the Job's own namespace; "" ends it with the first attempt.
  std::string claim = {};
  std::int64_t back_off_limit = kDefaultBackOffLimit;
  // From creation on.
  std::chrono::seconds retry_deadline = kDefaultRetryDeadline;
  // Of one attempt.
  std::chrono::seconds timeout = kDefaultTimeout;

  State state = State::kActive;
  std::string message = {};
  // 0 during the first attempt.
  std::int64_t retries = 0;
  std::optional<k8s::WallTime> started = {};
  std::optional<k8s::WallTime> completed = {};
  std::vector<Condition> conditions = {};

  bool IsActive() const { return state == State::kActive; }

  // Counts an attempt. Not active afterwards: there is to be none, since the time is up or no PVC
  // is named.
  void BeginAttempt(k8s::WallTime now);

  // Notes how it ended. kUnimplemented is success: nothing to do for this volume. Any other error
  // leaves its text in the condition "Failed", which nothing removes any more, and the Job active
  // unless it was the last attempt; the next one is due after RetryDelay (rotation/due.h) of
  // `retries` + 1 failures.
  void EndAttempt(const Status& outcome, k8s::WallTime now);

  // The value of "status", whole.
  Json StatusJson() const;
};

// kInvalidArgument: a field has the wrong type; the text names it. What is no time in the
// annotation counts as none, and so does a result that is not known as an active one.
Result<RotationJob> ParseRotationJob(const Json& object);

}  // namespace rbdcrypt::rotation
