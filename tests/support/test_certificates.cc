// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/status.h"
#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using Key = CHandle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = CHandle<X509, X509_free>;
using Memory = CHandle<BIO, BIO_free_all>;

constexpr long kHour = 3600;

std::string TextOf(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string PemOf(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  RBDCRYPT_CHECK(PEM_write_bio_X509(memory.get(), certificate) == 1);
  return TextOf(memory.get());
}

std::string PemOf(EVP_PKEY* key, const char* password) {
  const Memory memory(BIO_new(BIO_s_mem()));
  RBDCRYPT_CHECK(PEM_write_bio_PKCS8PrivateKey(
                     memory.get(), key, password != nullptr ? EVP_aes_128_cbc() : nullptr, nullptr,
                     0, nullptr, const_cast<char*>(password)) == 1);
  return TextOf(memory.get());
}

Key NewKey(bool is_rsa) {
  Key key(is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  RBDCRYPT_CHECK(key != nullptr);
  return key;
}

void SetCommonName(X509* certificate, const std::string& common_name) {
  RBDCRYPT_CHECK(X509_NAME_add_entry_by_txt(
                     X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                     reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0) == 1);
}

void AddExtension(X509* certificate, int nid, const std::string& value) {
  const CHandle<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()));
  RBDCRYPT_CHECK(extension != nullptr);
  RBDCRYPT_CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Unsigned, with a random serial number, since peers may refuse one that comes twice.
Certificate NewCertificate(EVP_PKEY* key, const std::string& common_name) {
  Certificate certificate(X509_new());
  RBDCRYPT_CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  std::uint32_t serial = 0;
  RBDCRYPT_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  SetCommonName(certificate.get(), common_name);
  RBDCRYPT_CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

}  // namespace

TestCa::TestCa(const std::string& common_name, const TestCa* issuer)
    : key_(NewKey(false)), certificate_(NewCertificate(key_.get(), common_name)) {
  X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -2 * kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 24 * kHour);
  const TestCa& signer = issuer != nullptr ? *issuer : *this;
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(signer.certificate_.get()));
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate_.get(), NID_key_usage, "critical,keyCertSign");
  RBDCRYPT_CHECK(X509_sign(certificate_.get(), signer.key_.get(), EVP_sha256()) > 0);
  certificate_pem_ = PemOf(certificate_.get());
}

TestCertificate TestCa::Issue(const Subject& subject) const {
  const Key key = NewKey(subject.is_rsa);
  const Certificate certificate = NewCertificate(key.get(), subject.common_name);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -2 * kHour);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), subject.is_expired ? -kHour : 24 * kHour);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  AddExtension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  if (!subject.names.empty()) {
    AddExtension(certificate.get(), NID_subject_alt_name, Join(subject.names, ","));
  }
  RBDCRYPT_CHECK(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return {.certificate_pem = PemOf(certificate.get()), .key_pem = PemOf(key.get(), nullptr)};
}

std::string EncryptedTestKeyPem() {
  return PemOf(NewKey(false).get(), "a password");
}

}  // namespace rbdcrypt::testing
