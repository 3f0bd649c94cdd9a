// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/server_tls.h"

#include <array>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/status.h"

namespace rbdcrypt::testing {
namespace {

using Memory = CHandle<BIO, BIO_free_all>;
using Certificate = CHandle<X509, X509_free>;

Memory MemoryOf(const std::string& text) {
  return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate NextCertificate(BIO* pem) {
  return Certificate(PEM_read_bio_X509(pem, nullptr, nullptr, nullptr));
}

void UseCertificate(SSL_CTX* context, const TestCertificate& certificate) {
  const Memory pem = MemoryOf(certificate.certificate_pem);
  const Certificate own = NextCertificate(pem.get());
  RBDCRYPT_CHECK(own != nullptr && SSL_CTX_use_certificate(context, own.get()) == 1);
  while (const Certificate issuer = NextCertificate(pem.get())) {
    RBDCRYPT_CHECK(SSL_CTX_add1_chain_cert(context, issuer.get()) == 1);
  }
  const CHandle<EVP_PKEY, EVP_PKEY_free> key(
      PEM_read_bio_PrivateKey(MemoryOf(certificate.key_pem).get(), nullptr, nullptr, nullptr));
  RBDCRYPT_CHECK(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}

void SetVersion(SSL_CTX* context, int only_version) {
  SSL_CTX_set_min_proto_version(context, only_version != 0 ? only_version : TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, only_version != 0 ? only_version : TLS1_3_VERSION);
  if (only_version != 0 && only_version < TLS1_2_VERSION) {
    // OpenSSL 3.0 speaks those at no higher level.
    RBDCRYPT_CHECK(SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") == 1);
  }
}

void DemandCertificate(SSL_CTX* context, const std::string& client_ca_pem) {
  const Memory pem = MemoryOf(client_ca_pem);
  while (const Certificate certificate = NextCertificate(pem.get())) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Without one OpenSSL refuses to resume sessions of clients with certificates.
  constexpr std::array<unsigned char, 4> kSessionContext = {'t', 'e', 's', 't'};
  SSL_CTX_set_session_id_context(context, kSessionContext.data(), kSessionContext.size());
}

}  // namespace

CHandle<SSL_CTX, SSL_CTX_free> NewServerTlsContext(const ServerTls& tls) {
  CHandle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  RBDCRYPT_CHECK(context != nullptr);
  SetVersion(context.get(), tls.only_version);
  UseCertificate(context.get(), tls.certificate);
  if (!tls.client_ca_pem.empty()) {
    DemandCertificate(context.get(), tls.client_ca_pem);
  }
  return context;
}

std::string ClientNameOf(SSL* tls) {
  const Certificate certificate(SSL_get1_peer_certificate(tls));
  if (certificate == nullptr) {
    return "";
  }
  std::array<char, 256> name = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

std::string WantedNameOf(SSL* tls) {
  const char* const name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

}  // namespace rbdcrypt::testing
