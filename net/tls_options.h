// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <optional>
#include <string>

#include "base/secret.h"

namespace rbdcrypt::net {

// A certificate with its private key, both PEM, with which a client shows who it is.
struct ClientCertificate {
  std::string certificate_pem;
  Secret key_pem;
};

enum class TlsVersion { k12, k13 };

// How a TLS client checks its server and shows itself.
struct TlsOptions {
  // PEM certificates to trust, and no others; "" trusts those of the system.
  std::string ca_pem = {};
  // Name to ask for and to verify instead of the address's; "" for that one.
  std::string server_name = {};
  // False: nothing of the server is verified (safety E3: said in words by the configuration, logged
  // and counted by whoever sets it).
  bool verify = true;
  std::optional<ClientCertificate> client = {};
  // Older ones are not spoken.
  TlsVersion min_version = TlsVersion::k12;
};

}  // namespace rbdcrypt::net
