// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <ostream>

#include "base/context.h"
#include "base/status.h"
#include "cmd/options.h"
#include "kms/key_admin.h"
#include "kms/registry.h"

namespace rbdcrypt::cmd {

// Has the key manager make a KEK. Errors as of kms::Registry::OpenAdmin and KeyAdmin::CreateKey.
Result<kms::KeyAdmin::NewKey> CreateKey(const Context& context,
                                        const KmsCreateKeyOptions& options,
                                        kms::Registry& registry);

// What it is called and where to put that: as lines for people, or as one JSON object
// (docs/administration.md).
void PrintNewKey(const KmsCreateKeyOptions& options,
                 const kms::KeyAdmin::NewKey& key,
                 std::ostream& out);

// The verb: both.
Status RunKmsCreateKey(const KmsCreateKeyOptions& options, std::ostream& out);

}  // namespace rbdcrypt::cmd
