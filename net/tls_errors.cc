// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/tls_errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/strings.h"

namespace rbdcrypt::net {
namespace {

// What OpenSSL finds in a server's offer that no repetition mends.
bool IsMismatch(int reason) {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_WRONG_SIGNATURE_TYPE:
    case SSL_R_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED:
    // A server older than RFC 5746.
    case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsRefusal(int alert) {
  switch (alert) {
    case SSL3_AD_HANDSHAKE_FAILURE:
    case SSL3_AD_BAD_CERTIFICATE:
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
    case SSL3_AD_CERTIFICATE_REVOKED:
    case SSL3_AD_CERTIFICATE_EXPIRED:
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_UNKNOWN_CA:
    case TLS1_AD_ACCESS_DENIED:
    // Of a certificate whose issuer has the right name and another key.
    case TLS1_AD_DECRYPT_ERROR:
    case TLS1_AD_PROTOCOL_VERSION:
    case TLS1_AD_INSUFFICIENT_SECURITY:
    case TLS1_AD_UNRECOGNIZED_NAME:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

Status Refused(std::string_view server, int alert) {
  return InvalidArgument(
      Cat(server, ": the server refused the TLS handshake (", SSL_alert_desc_string_long(alert),
          "): look at the client certificate and key configured for it, at the server name, and at "
          "its TLS versions and ciphers"));
}

Status Unverified(std::string_view server, std::string_view why) {
  return InvalidArgument(
      Cat(server, ": the server's certificate does not verify (", why,
          "): look at the CA certificate and the server name configured for it"));
}

Status FromTlsProtocolError(std::string_view server) {
  const unsigned long error = ERR_peek_last_error();
  const bool is_mismatch = ERR_GET_LIB(error) == ERR_LIB_SSL && IsMismatch(ERR_GET_REASON(error));
  const std::string reason = TakeOpenSslReason();
  if (is_mismatch) {
    return InvalidArgument(Cat(server, ": no TLS with this server (", reason,
                               "): look at its TLS versions, ciphers and keys"));
  }
  return DataLoss(
      Cat(server, ": what answered does not speak TLS (", reason, "): look at the address's port"));
}

std::string TakeOpenSslReason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "";
}

}  // namespace rbdcrypt::net
