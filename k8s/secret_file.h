// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::k8s {

// The content of a small file straight into a Secret, for tokens, private keys and kubeconfigs.
// kInvalidArgument: it is there, but no file, not ours to read, or longer than `max_bytes`.
// kUnavailable: not there (a mount may still come), or the reading fails.
Result<Secret> ReadSecretFile(const std::string& path, std::size_t max_bytes);

}  // namespace rbdcrypt::k8s
