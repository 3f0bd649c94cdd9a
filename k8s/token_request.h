// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "k8s/time.h"

namespace rbdcrypt::k8s {

// What kind of token to ask for. As it stands it is the empty spec that ceph-csi sends: the API
// server's own audience, one hour (ceph-csi-compat 6.6).
struct TokenRequest {
  // Who shall accept the token; none means the API server.
  std::vector<std::string> audiences = {};
  // The API server refuses less than ten minutes, and may give another time than asked for.
  std::optional<std::chrono::seconds> lifetime = {};
};

struct ServiceAccountToken {
  Secret token;
  WallTime expires;
};

// The body of a POST to …/serviceaccounts/<name>/token (authentication.k8s.io/v1).
std::string FormatTokenRequest(const TokenRequest& request);

// Reads the answer in place (base/secret_json). kInternal: it holds no token, or no expiry.
Result<ServiceAccountToken> ParseTokenAnswer(std::string_view answer);

}  // namespace rbdcrypt::k8s
