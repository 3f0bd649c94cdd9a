// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/warnings.h"

#include <chrono>

#include "base/log.h"
#include "base/strings.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::chrono::hours kQuiet = std::chrono::hours(1);

}  // namespace

void Warnings::Raise(const Clock& clock,
                     const std::string& ns,
                     std::string_view reason,
                     std::string_view text) {
  const Clock::TimePoint now = clock.Now();
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(raised_, [&](const auto& item) { return now - item.second > kQuiet; });
    if (!raised_.emplace(Cat(ns, " ", reason, " ", text), now).second) {
      return;
    }
  }
  LogWarn("vault_warning",
          {{"reason", std::string(reason)}, {"namespace", ns}, {"text", std::string(text)}});
  if (kube_ != nullptr && !ns.empty()) {
    kube_->Warn(ns, reason, text);
  }
}

}  // namespace rbdcrypt::vault
