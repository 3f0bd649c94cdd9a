// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/secret.h"
#include "base/status.h"
#include "kmip/ttlv_reader.h"

namespace rbdcrypt::kmip {

// The key's bytes, 16, 24 or 32, out of the payload that a Get is answered with:
//
//   Object Type                           2 Symmetric Key
//   Unique Identifier
//   Symmetric Key
//     Key Block
//       Key Format Type                   1 Raw
//       Key Value
//         Key Material
//       Cryptographic Algorithm?          3 AES
//       Cryptographic Length?             in bits
//       Key Wrapping Data?                not here
//
// kFailedPrecondition: it is another object, another format, wrapped, or no AES key (names what).
// kDataLoss: a field lacks, or the length is not that which is told.
Result<Secret> ReadAesKey(const TtlvView& payload);

}  // namespace rbdcrypt::kmip
