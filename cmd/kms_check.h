// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <ostream>

#include "base/json.h"
#include "base/status.h"
#include "cmd/options.h"
#include "kms/check.h"

namespace rbdcrypt::cmd {

// Runs the preflight of one entry (kms/check.h) and prints its steps with their times and, of one
// that fails, what to do; then, where a pool is given, proves the volumes that are there
// (cmd/volume_check.h), unless the preflight shows that nobody can be asked. True: nothing failed.
// kInvalidArgument, kUnavailable: the way to Kubernetes is configured wrongly.
Result<bool> RunKmsCheck(const KmsCheckOptions& options, std::ostream& out);

// The preflight, as lines for people and as a JSON object (docs/administration.md).
void PrintReport(const kms::CheckReport& report, std::ostream& out);
Json ReportJson(const kms::CheckReport& report);

}  // namespace rbdcrypt::cmd
