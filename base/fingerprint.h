// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "base/handle.h"
#include "base/secret.h"

namespace rbdcrypt {

// A short name for a set of texts and secrets, the same in every process: what may share a
// connection or a login has the same one. Tells nothing of what went in. Not thread safe.
class Fingerprint {
 public:
  Fingerprint();

  // Each field counts with its length, so that no two sequences run together.
  Fingerprint& Add(std::string_view text);

  Fingerprint& Add(const Secret& secret) { return Add(secret.RevealText()); }

  // SHA-256 in hexadecimal; ends the object.
  std::string Take() &&;

 private:
  CHandle<EVP_MD_CTX, EVP_MD_CTX_free> digest_;
};

}  // namespace rbdcrypt
