// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/tls_context.h"

#include <string_view>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/strings.h"
#include "net/host.h"
#include "net/tls_errors.h"

namespace rbdcrypt::net {
namespace {

using Memory = CHandle<BIO, BIO_free>;
using Certificate = CHandle<X509, X509_free>;
using PrivateKey = CHandle<EVP_PKEY, EVP_PKEY_free>;

// Without it OpenSSL asks at the terminal for the password of what is encrypted.
int NoPassword(char*, int, int, void*) {
  return -1;
}

// Reads where the text stands, and copies nothing.
Memory MemoryOf(std::string_view text) {
  // An empty Secret is nowhere, which OpenSSL does not take.
  const char* const data = text.empty() ? "" : text.data();
  Memory memory(BIO_new_mem_buf(data, static_cast<int>(text.size())));
  RBDCRYPT_CHECK(memory != nullptr);
  return memory;
}

Status Unusable(std::string_view what) {
  return InvalidArgument(Cat("the ", what, " cannot be used (", TakeOpenSslReason(), ")"));
}

Certificate NextCertificate(BIO* pem) {
  return Certificate(PEM_read_bio_X509(pem, nullptr, &NoPassword, nullptr));
}

// Whether the last reading found no more, instead of something unreadable.
bool IsAtEndOfPem() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Status SetTrust(SSL_CTX* context, const std::string& ca_pem) {
  if (ca_pem.empty()) {
    return SSL_CTX_set_default_verify_paths(context) == 1
               ? OkStatus()
               : Unusable("system's store of CA certificates");
  }
  const Memory pem = MemoryOf(ca_pem);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  int count = 0;
  while (const Certificate certificate = NextCertificate(pem.get())) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return Unusable("CA certificate");
    }
    ++count;
  }
  if (count == 0 || !IsAtEndOfPem()) {
    return Unusable("CA certificate");
  }
  ERR_clear_error();
  return OkStatus();
}

// The first is our own, those behind it lead to its issuer.
Status SetCertificates(SSL_CTX* context, const std::string& chain_pem) {
  const Memory pem = MemoryOf(chain_pem);
  const Certificate own = NextCertificate(pem.get());
  if (own == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return Unusable("client certificate");
  }
  while (Certificate issuer = NextCertificate(pem.get())) {
    if (SSL_CTX_add0_chain_cert(context, issuer.get()) != 1) {
      return Unusable("client certificate's chain");
    }
    static_cast<void>(issuer.release());
  }
  if (!IsAtEndOfPem()) {
    return Unusable("client certificate's chain");
  }
  ERR_clear_error();
  return OkStatus();
}

Status SetKey(SSL_CTX* context, const Secret& key_pem) {
  const PrivateKey key(
      PEM_read_bio_PrivateKey(MemoryOf(key_pem.RevealText()).get(), nullptr, &NoPassword, nullptr));
  if (key == nullptr) {
    return Unusable("client key");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return Unusable("client key, to the client certificate,");
  }
  return OkStatus();
}

void SetProtocol(SSL_CTX* context, TlsVersion min_version) {
  const int version = min_version == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  RBDCRYPT_CHECK(SSL_CTX_set_min_proto_version(context, version) == 1);
  // What was read leaves no copy in the buffer of the record.
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // So that the deadline is looked at after each record.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
  // One receive for a record, instead of one for its head and one for the rest.
  SSL_CTX_set_read_ahead(context, 1);
}

Status SetName(SSL_CTX* context, const std::string& name) {
  X509_VERIFY_PARAM* const wanted = SSL_CTX_get0_param(context);
  // As Go and libcurl have it: who trusts an intermediate CA need not name the root.
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int done = IsIpAddress(name)
                       ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str())
                       : X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size());
  return done == 1 ? OkStatus() : Unusable("server's name");
}

}  // namespace

Result<TlsContext> NewTlsContext(const TlsOptions& tls, const std::string& name) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  RBDCRYPT_CHECK(context != nullptr);
  SetProtocol(context.get(), tls.min_version);
  if (tls.verify) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    RETURN_IF_ERROR(SetName(context.get(), name));
    RETURN_IF_ERROR(SetTrust(context.get(), tls.ca_pem));
  }
  if (tls.client) {
    RETURN_IF_ERROR(SetCertificates(context.get(), tls.client->certificate_pem));
    RETURN_IF_ERROR(SetKey(context.get(), tls.client->key_pem));
  }
  return context;
}

}  // namespace rbdcrypt::net
