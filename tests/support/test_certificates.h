// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/handle.h"

namespace rbdcrypt::testing {

// A certificate and its private key, both PEM.
struct TestCertificate {
  std::string certificate_pem;
  std::string key_pem;
};

// Makes certificates in the test's own process; aborts where OpenSSL fails. One thread.
//
//   const TestCa ca;
//   const TestCertificate server = ca.Issue({.names = {"DNS:vault.test", "IP:127.0.0.1"}});
class TestCa {
 public:
  struct Subject {
    std::string common_name = "test";
    // Of a server, as OpenSSL writes alternative names: "DNS:vault.test", "IP:127.0.0.1".
    std::vector<std::string> names = {};
    // Valid from two hours ago to one hour ago.
    bool is_expired = false;
    // RSA of 2048 bits, which takes a while to make; else P-256.
    bool is_rsa = false;
  };

  explicit TestCa(const std::string& common_name = "test CA") : TestCa(common_name, nullptr) {}

  // One that this one vouches for.
  TestCa NewIntermediate(const std::string& common_name) const { return {common_name, this}; }

  // What a peer is to trust.
  const std::string& certificate_pem() const { return certificate_pem_; }

  // For servers and clients alike. Without the certificates that lead to a root.
  TestCertificate Issue(const Subject& subject) const;

 private:
  TestCa(const std::string& common_name, const TestCa* issuer);

  CHandle<EVP_PKEY, EVP_PKEY_free> key_;
  CHandle<X509, X509_free> certificate_;
  std::string certificate_pem_;
};

// A private key that asks for a password to be read.
std::string EncryptedTestKeyPem();

}  // namespace rbdcrypt::testing
