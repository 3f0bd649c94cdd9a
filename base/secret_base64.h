// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt {

// RFC 4648 section 4, padded, from and into memory that is wiped: base/encoding's forms of it give
// ordinary strings.
Secret SecretToBase64(const Secret& bytes);

// The bytes behind padded text, white space around it ignored (a Ceph key comes so); empty text is
// no bytes. kInvalidArgument: it is no base64; the text itself is not quoted.
Result<Secret> SecretFromBase64(std::string_view text);

}  // namespace rbdcrypt
