// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <ostream>

#include "base/status.h"
#include "cmd/options.h"
#include "kms/check.h"

namespace rbdcrypt::cmd {

// Runs the preflight of one entry (kms/check.h) and prints its steps with their times and, of one
// that fails, what to do. True: none failed. kInvalidArgument, kUnavailable: the way to Kubernetes
// is configured wrongly.
Result<bool> RunKmsCheck(const KmsCheckOptions& options, std::ostream& out);

// As lines for people, as one JSON object.
void PrintReport(const kms::CheckReport& report, std::ostream& out);
void PrintReportJson(const kms::CheckReport& report, std::ostream& out);

}  // namespace rbdcrypt::cmd
