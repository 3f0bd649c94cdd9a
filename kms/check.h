// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kms/registry.h"

namespace rbdcrypt::kms {

// One step of a preflight.
struct CheckStep {
  // "read the entry", "log in", "store a probe", …
  std::string_view name = {};
  // The text of an error says what to do next.
  Status status = OkStatus();
  std::chrono::nanoseconds took = std::chrono::nanoseconds::zero();
};

struct CheckReport {
  std::string kms_id = {};
  // "" where the entry could not be read.
  std::string provider = {};
  std::string tenant = {};
  // In the order they were taken; none follows one that failed, but the probe is always removed.
  std::vector<CheckStep> steps = {};
  // Why steps are missing though nothing failed; else "".
  std::string left_out = {};
  // Whether asking for DEKs makes sense: the entry was read, and the login, if there was one, went
  // well.
  bool is_open = false;

  // The first step that failed, or null; and its error, or OK.
  const CheckStep* failure() const;
  Status status() const;
};

// The preflight of one KMS entry as one tenant (or, where `request.tenant` is empty, this driver)
// uses it: reads the entry, logs in, stores a probe, reads it back and deletes it; with a provider
// that wraps, wraps and unwraps one instead. The probe's volume ID begins with "rbdcrypt-check-"
// and is new each time. It is removed within ten more seconds where the context has ended; where
// the key manager keeps what is deleted (vaultDestroyKeys other than "true"), it keeps the probe,
// too.
//
// Of an entry that needs a tenant, or a secret that comes with each request, and has none here,
// only what can be done without is done; `left_out` says so.
CheckReport Check(const Context& context, Registry& registry, const KmsRequest& request);

}  // namespace rbdcrypt::kms
