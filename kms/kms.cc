// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/kms.h"

#include "base/encoding.h"

namespace rbdcrypt::kms {

Result<Secret> NewDek(std::size_t bytes) {
  RBDCRYPT_CHECK(bytes > 0);
  ASSIGN_OR_RETURN(const Secret random, RandomSecret(bytes));
  return Base64UrlEncode(random);
}

}  // namespace rbdcrypt::kms
