// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::net {

// The certificates of a PEM text, one after the other, without anything else: what an option named
// may hold a private key as well, be it by mistake, and that stays in its Secret.
// kInvalidArgument: it holds none; `what` names the place.
Result<std::string> CertificatesIn(const Secret& pem, std::string_view what);

}  // namespace rbdcrypt::net
