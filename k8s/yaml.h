// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::k8s {

// Nesting beyond this is refused; a kubeconfig has four levels.
inline constexpr int kMaxYamlDepth = 16;

// One YAML document as JSON text, for base/secret_json: how a kubeconfig, which may hold a token
// or a private key, is read without a string of it. JSON is YAML, so that passes, too.
//
// Plain "true" and "false" become booleans, plain "null", "~" and nothing become "", every other
// scalar a string. Anchors, aliases, tags, several documents and keys that are no scalars are
// refused: no kubeconfig has them.
//
// libyaml and not yaml-cpp: it gives scalars piece by piece in buffers that we may wipe, and throws
// nothing. Its input, working buffer and scalars are wiped here; what it outgrew while it read a
// long scalar goes back to the heap as it is (an exception of safety E1).
//
// kInvalidArgument: no such YAML; the text names `what` and the line, never the content.
Result<Secret> YamlToJson(std::string_view text, std::string_view what);

}  // namespace rbdcrypt::k8s
