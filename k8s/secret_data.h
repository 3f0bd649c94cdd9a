// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"
#include "k8s/objects.h"

namespace rbdcrypt::k8s {

// The content of a Secret: key -> bytes, decoded.
using SecretData = std::map<std::string, Secret, std::less<>>;

// A Secret object, with as much of it as we use.
struct SecretObject {
  ObjectMeta meta;
  // "Opaque", "kubernetes.io/service-account-token", …
  std::string type;
  SecretData data;
};

// Reads the API server's answer to a GET of a Secret in place (base/secret_json).
// kInternal: it is no Secret object; names the field, never a value.
Result<SecretObject> ParseSecretObject(std::string_view answer);

}  // namespace rbdcrypt::k8s
