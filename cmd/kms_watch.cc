// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_watch.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cmd/key_managers.h"

namespace rbdcrypt::cmd {
namespace {

// The whole preflight of one entry.
constexpr std::chrono::seconds kCheckWithin(30);

// Files say nothing when they change: how often they are looked at.
constexpr std::chrono::minutes kLookAgain(1);

}  // namespace

void ChangeSignal::Raise() {
  const absl::MutexLock lock(&mutex_);
  is_raised_ = true;
}

bool ChangeSignal::Wait() {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&is_raised_), absl::Seconds(1));
  return std::exchange(is_raised_, false);
}

KmsWatch::KmsWatch(kms::ConfigSource& config,
                   kms::Registry& registry,
                   ChangeSignal& changes,
                   Metrics& metrics,
                   Kubernetes* kubernetes)
    : config_(config),
      registry_(registry),
      changes_(changes),
      metrics_(metrics),
      kubernetes_(kubernetes),
      worker_(SystemClock(), [this](const Context& context) { Run(context); }) {}

void KmsWatch::Stop() {
  worker_.AskToStop();
  changes_.Raise();
  worker_.Stop();
}

void KmsWatch::Run(const Context& context) {
  Clock::TimePoint look_at = context.clock().Now();
  while (context.Check("check the key managers").ok()) {
    const bool is_due = changes_.Wait() || context.clock().Now() >= look_at;
    if (is_due && context.Check("check the key managers").ok()) {
      CheckChanged(context);
      look_at = context.clock().Now() + kLookAgain;
    }
  }
}

void KmsWatch::CheckChanged(const Context& context) {
  const Result<std::set<std::string>> ids = config_.Ids(context.WithTimeout(kCheckWithin));
  if (!ids.ok()) {
    LogWarn("kms_configuration_unreadable", {{"error", Message(ids.status())}});
    return;
  }
  ForgetOthers(*ids);
  for (const std::string& id : *ids) {
    std::string text = TextOf(context, id);
    const auto known = checked_.find(id);
    const Checked* const before = known == checked_.end() ? nullptr : &known->second;
    if (before == nullptr || before->text != text || !before->error.empty()) {
      const Status status = CheckOne(context, id, before);
      checked_[id] = {.text = std::move(text), .error = status.ok() ? "" : Message(status)};
    }
  }
}

std::string KmsWatch::TextOf(const Context& context, const std::string& kms_id) {
  const Result<kms::ConfigEntry> entry = config_.Find(context.WithTimeout(kCheckWithin), kms_id);
  return entry.ok() ? entry->options.dump() : Message(entry.status());
}

Status KmsWatch::CheckOne(const Context& context,
                          const std::string& kms_id,
                          const Checked* before) {
  const kms::RequestSecrets no_secrets;
  const kms::CheckReport report =
      kms::Check(context.WithTimeout(kCheckWithin), registry_,
                 {.kms_id = kms_id, .tenant = "", .secrets = no_secrets});
  if (context.Check("report it").ok()) {
    Report(report, before);
  }
  return report.status();
}

void KmsWatch::Report(const kms::CheckReport& report, const Checked* before) {
  const Status status = report.status();
  metrics_.SetKmsCheck(report.kms_id, status.ok());
  if (status.ok()) {
    LogInfo("kms_check",
            {{"kms", report.kms_id}, {"provider", report.provider}, {"left_out", report.left_out}});
    return;
  }
  // Said once, though it is found again every minute.
  if (before != nullptr && before->error == Message(status)) {
    return;
  }
  LogWarn("kms_check_failed", {{"kms", report.kms_id},
                               {"step", std::string(report.failure()->name)},
                               {"error", Message(status)}});
  if (kubernetes_ != nullptr) {
    kubernetes_->events().Record(
        {.regarding = {.api_version = "v1",
                       .kind = "ConfigMap",
                       .ns = kubernetes_->ns(),
                       .name = KmsConfigMapName()},
         .is_warning = true,
         .reason = "KmsCheckFailed",
         .message = Cat("KMS \"", report.kms_id, "\": ", Message(status))});
  }
}

void KmsWatch::ForgetOthers(const std::set<std::string>& ids) {
  for (auto it = checked_.begin(); it != checked_.end();) {
    if (ids.contains(it->first)) {
      ++it;
    } else {
      metrics_.RemoveKmsCheck(it->first);
      it = checked_.erase(it);
    }
  }
}

}  // namespace rbdcrypt::cmd
