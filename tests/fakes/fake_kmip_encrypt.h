// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "tests/fakes/fake_kmip_operations.h"

namespace rbdcrypt::testing {

// Encrypt and Decrypt of FakeKmip.
FakeKmipOutcome FakeEncrypt(const FakeKmipCall& call);
FakeKmipOutcome FakeDecrypt(const FakeKmipCall& call);

}  // namespace rbdcrypt::testing
