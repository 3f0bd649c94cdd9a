// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "tests/fakes/fake_kmip_operations.h"

namespace rbdcrypt::testing {

// Why FakeKmip does not do what it is asked, in the words of its version and rules: 2.0 has finer
// reasons than 1.x.

kmip::ResultReason ByVersion(const FakeKmipCall& call,
                             kmip::ResultReason fine,
                             kmip::ResultReason coarse);

FakeKmipRefusal NotFound(const FakeKmipCall& call);
FakeKmipRefusal Destroyed(const FakeKmipCall& call);
FakeKmipRefusal WrongState(const FakeKmipCall& call);
FakeKmipRefusal WrongMask(const FakeKmipCall& call);
FakeKmipRefusal Undecryptable(const FakeKmipCall& call);
FakeKmipRefusal BadParameters(const FakeKmipCall& call, std::string text);

bool IsDestroyed(kmip::State state);

}  // namespace rbdcrypt::testing
