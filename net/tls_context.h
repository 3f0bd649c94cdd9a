// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include <openssl/ssl.h>

#include "base/handle.h"
#include "base/status.h"
#include "net/tls_options.h"

namespace rbdcrypt::net {

using TlsContext = CHandle<SSL_CTX, SSL_CTX_free>;

// What all connections to one server have in common, for OpenSSL: whom to trust, under what name
// (`name`, a host's or an address), and with what to show ourselves. Connections may be made of it
// by several threads at once. Keeps a parsed copy of the key, which OpenSSL wipes when it is freed.
//
// kInvalidArgument: CA, certificate or key are no readable PEM or too weak for OpenSSL's security
// level, or certificate and key are no pair; names which, and nothing of what is in them.
Result<TlsContext> NewTlsContext(const TlsOptions& tls, const std::string& name);

}  // namespace rbdcrypt::net
