// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "base/metrics.h"
#include "kms/kms.h"

namespace rbdcrypt::kms {

// `inner` with every call to its wrapper or store counted in rbdcrypt_kms_requests_total, by
// provider, operation ("wrap", "unwrap", "fetch", "create", "replace", "remove", …) and code. A
// NOT_FOUND of a fetch is an answer, and counted as such. `metrics` must outlive the result.
std::shared_ptr<Kms> Counted(std::shared_ptr<Kms> inner, Metrics& metrics);

}  // namespace rbdcrypt::kms
