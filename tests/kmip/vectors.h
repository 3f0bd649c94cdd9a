// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <fstream>
#include <span>
#include <string>

#include "base/encoding.h"
#include "base/json.h"
#include "base/secret.h"

namespace rbdcrypt::testing {

// tests/vectors/kms/kmip.json; see SOURCE beside it.
inline const Json& KmipVectors() {
  static const Json vectors = [] {
    std::ifstream file(RBDCRYPT_VECTORS "/kms/kmip.json");
    return Json::parse(file);
  }();
  return vectors;
}

// The AES-256 key of bytes 00 01 … 1f that wrapped them all.
inline Secret VectorKek() {
  const auto bytes = HexDecode(KmipVectors()["kek"].get<std::string>());
  return Secret(std::span<const std::byte>(*bytes));
}

}  // namespace rbdcrypt::testing
