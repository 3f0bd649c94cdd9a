// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include <openssl/ssl.h>

#include "base/handle.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::testing {

// How a test's server shows itself, and whom it lets in.
struct ServerTls {
  TestCertificate certificate;
  // Not empty: clients must show a certificate that one of these issued.
  std::string client_ca_pem = {};
  // TLS1_VERSION to TLS1_3_VERSION; 0 for 1.2 and 1.3.
  int only_version = 0;
};

// Aborts where OpenSSL fails.
CHandle<SSL_CTX, SSL_CTX_free> NewServerTlsContext(const ServerTls& tls);

// The common name of the certificate that the client showed, or "".
std::string ClientNameOf(SSL* tls);

// The server name that the client asked for, or "".
std::string WantedNameOf(SSL* tls);

}  // namespace rbdcrypt::testing
