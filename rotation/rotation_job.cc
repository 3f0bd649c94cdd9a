// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rotation/rotation_job.h"

#include <algorithm>

#include "k8s/fields.h"
#include "k8s/time.h"

namespace rbdcrypt::rotation {
namespace {

using k8s::Fields;
using k8s::WallTime;
using std::chrono::seconds;

// Of a condition (apimachinery: maxLength of Condition.message).
constexpr std::size_t kMaxMessageBytes = 32768;

RotationJob::State StateOf(std::string_view text) {
  if (text == kResultSucceeded) {
    return RotationJob::State::kSucceeded;
  }
  return text == kResultFailed ? RotationJob::State::kFailed : RotationJob::State::kActive;
}

std::string_view TextOf(RotationJob::State state) {
  switch (state) {
    case RotationJob::State::kSucceeded:
      return kResultSucceeded;
    case RotationJob::State::kFailed:
      return kResultFailed;
    case RotationJob::State::kActive:
      break;
  }
  return "";
}

void ReadSpec(Fields& object, RotationJob& job) {
  Fields spec = object.Part("spec");
  Fields target = spec.Part("target");
  job.claim = target.Text("persistentVolumeClaim");
  spec.Check(target.status());
  if (const std::int64_t limit = spec.Int("backOffLimit"); limit != 0) {
    job.back_off_limit = std::clamp<std::int64_t>(limit, 1, kMostBackOffLimit);
  }
  if (const seconds deadline(spec.Int("retryDeadlineSeconds")); deadline != seconds(0)) {
    job.retry_deadline = std::clamp(deadline, seconds(1), kMostRetryDeadline);
  }
  if (const auto timeout = spec.OptionalInt("timeout"); timeout.has_value()) {
    // Beyond the deadline it makes no difference, and a deadline in time does not overflow.
    job.timeout = std::clamp(seconds(*timeout), kLeastTimeout, seconds(std::chrono::hours(24)));
  }
  object.Check(spec.status());
}

Condition ReadCondition(Fields& fields) {
  return {.type = fields.Text("type"),
          .status = fields.Text("status"),
          .reason = fields.Text("reason"),
          .message = fields.Text("message"),
          .observed_generation = fields.Int("observedGeneration"),
          .last_transition = fields.Time("lastTransitionTime")};
}

void ReadStatus(Fields& object, RotationJob& job) {
  Fields status = object.Part("status");
  job.state = StateOf(status.Text("result"));
  job.message = status.Text("message");
  job.retries = std::max<std::int64_t>(status.Int("retries"), 0);
  job.started = status.Time("startTime");
  job.completed = status.Time("completionTime");
  for (Fields& each : status.Parts("conditions")) {
    job.conditions.push_back(ReadCondition(each));
    status.Check(each.status());
  }
  object.Check(status.status());
}

Json ConditionJson(const Condition& condition) {
  Json json = {{"type", condition.type},
               {"status", condition.status},
               {"reason", condition.reason},
               {"message", condition.message}};
  if (condition.observed_generation != 0) {
    json["observedGeneration"] = condition.observed_generation;
  }
  if (condition.last_transition.has_value()) {
    json["lastTransitionTime"] = k8s::FormatTime(*condition.last_transition);
  }
  return json;
}

// Cut at the end of a character.
std::string Shortened(std::string text) {
  std::size_t most = kMaxMessageBytes;
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) {
      --most;
    }
    text.resize(most);
  }
  return text;
}

void End(RotationJob& job, RotationJob::State state, std::string_view message, WallTime now) {
  job.state = state;
  job.message = message;
  job.completed = now;
}

// As csi-addons, each failure is a transition.
void NoteFailure(RotationJob& job, const Status& outcome, WallTime now) {
  const auto found =
      std::find_if(job.conditions.begin(), job.conditions.end(),
                   [](const Condition& each) { return each.type == kConditionFailed; });
  Condition& condition = found == job.conditions.end() ? job.conditions.emplace_back() : *found;
  condition = {.type = std::string(kConditionFailed),
               .status = "True",
               .reason = std::string(kReasonFailed),
               .message = Shortened(Message(outcome)),
               .observed_generation = job.generation,
               .last_transition = now};
}

}  // namespace

void RotationJob::BeginAttempt(WallTime now) {
  if (claim.empty()) {
    End(*this, State::kFailed, kMessageNoTarget, now);
    return;
  }
  if (!started.has_value()) {
    started = now;
    return;
  }
  ++retries;
  if (now > meta.created.value_or(*started) + retry_deadline) {
    End(*this, State::kFailed, kMessageDeadline, now);
  }
}

void RotationJob::EndAttempt(const Status& outcome, WallTime now) {
  if (outcome.ok() || outcome.code() == Code::kUnimplemented) {
    End(*this, State::kSucceeded, kMessageSucceeded, now);
    return;
  }
  NoteFailure(*this, outcome, now);
  if (retries >= back_off_limit) {
    End(*this, State::kFailed, kMessageRetries, now);
  }
}

Json RotationJob::StatusJson() const {
  Json json = Json::object();
  if (!IsActive()) {
    json["result"] = TextOf(state);
  }
  if (!message.empty()) {
    json["message"] = message;
  }
  if (retries != 0) {
    json["retries"] = retries;
  }
  if (started.has_value()) {
    json["startTime"] = k8s::FormatTime(*started);
  }
  if (completed.has_value()) {
    json["completionTime"] = k8s::FormatTime(*completed);
  }
  for (const Condition& condition : conditions) {
    json["conditions"].push_back(ConditionJson(condition));
  }
  return json;
}

Result<RotationJob> ParseRotationJob(const Json& object) {
  RotationJob job;
  ASSIGN_OR_RETURN(job.meta, k8s::ParseMeta(object, kJobKind));
  const auto scheduled_at = job.meta.annotations.find(kScheduledAtAnnotation);
  if (scheduled_at != job.meta.annotations.end()) {
    job.scheduled_at = k8s::ParseTime(scheduled_at->second);
  }
  Fields fields(object, kJobKind);
  Fields meta = fields.Part("metadata");
  job.generation = meta.Int("generation");
  fields.Check(meta.status());
  ReadSpec(fields, job);
  ReadStatus(fields, job);
  RETURN_IF_ERROR(fields.status());
  return job;
}

}  // namespace rbdcrypt::rotation
