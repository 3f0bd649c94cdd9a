// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/context.h"
#include "base/json.h"
#include "kmip/family.h"
#include "kmip/kmip_kms.h"
#include "kms/registry.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/fake_kmip_dialer.h"
#include "tests/kmip/vectors.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {

inline constexpr std::string_view kKmipVolume =
    "0001-0009-rook-ceph-0000000000000001-e43db367-01fb-44ab-9bfe-a1085b45f807";
inline constexpr std::string_view kOtherKmipVolume =
    "0001-0009-rook-ceph-0000000000000001-2537cd14-41ef-4647-8043-bcedba0c7e89";
inline constexpr std::string_view kKmipDek = "1Aew-uiJX9w8EmFvVULdZ0G5PXw=";

// A KMIP server, a folder of credentials and the family between them, as one process sees them. The
// server has the keys "kek-1", that of the vectors, and "kek-2"; the folder names the first.
class KmipWorld {
 public:
  explicit KmipWorld(FakeKmipRules rules = {}) : server(std::move(rules)) {
    server.keys().Put("kek-1", {.material = Bytes(VectorKek()), .name = "first"});
    server.keys().Put("kek-2", {.material = Bytes(*RandomSecret(32)), .name = "second"});
    dir.Write("CA_CERT", kPem);
    dir.Write("CLIENT_CERT", kPem);
    std::filesystem::permissions(dir.Write("CLIENT_KEY", "key"), std::filesystem::perms(0600));
    UseKey("kek-1");
    Restart();
  }

  // What the entry's credentials name from now on, for those who open it anew.
  void UseKey(std::string_view key_id) { dir.Write("UNIQUE_IDENTIFIER", key_id); }

  // Forgets what the process keeps between calls.
  void Restart() {
    family = std::make_shared<kmip::KmipFamily>(kmip::KmipFamily::Options{
        .dial = [this](const net::Endpoint& endpoint,
                       const net::TlsOptions& /*tls*/) -> Result<std::unique_ptr<net::Dialer>> {
          FakeKmipDialer* const real = endpoint.host == "kmip-1.example" ? &dialer : &second;
          return std::make_unique<Forward>(*real);
        }});
  }

  // `more`: options over those that an entry must have.
  kms::ConfigEntry Entry(const Json& more = Json::object()) const {
    Json options = {{"KMS_PROVIDER", "kmip"},
                    {"KMIP_ENDPOINT", "kmip-1.example:5696"},
                    {"KMIP_CREDENTIALS_DIR", dir.path()}};
    options.update(more.is_null() ? Json::object() : more);
    return {.id = "my-kms", .provider = "kmip", .options = options};
  }

  Result<std::shared_ptr<kms::Kms>> Open(const Json& more = Json::object()) {
    return kmip::MakeProvider(family).open(context(), Entry(more),
                                           {.kms_id = "my-kms", .tenant = "", .secrets = secrets});
  }

  Result<std::unique_ptr<kms::KeyAdmin>> OpenAdmin(const Json& more = Json::object()) {
    return kmip::MakeProvider(family).admin(context(), Entry(more),
                                            {.kms_id = "my-kms", .tenant = "", .secrets = secrets});
  }

  Result<std::string> Wrap(const Json& more = Json::object(),
                           std::string_view volume = kKmipVolume,
                           std::string_view dek = kKmipDek) {
    ASSIGN_OR_RETURN(const auto kms, Open(more));
    return kms->wrapper()->WrapDek(context(), volume, Secret(dek));
  }

  Result<std::string> Unwrap(std::string_view wrapped,
                             const Json& more = Json::object(),
                             std::string_view volume = kKmipVolume) {
    ASSIGN_OR_RETURN(const auto kms, Open(more));
    ASSIGN_OR_RETURN(const Secret dek, kms->wrapper()->UnwrapDek(context(), volume, wrapped));
    return std::string(dek.RevealText());
  }

  Context context() { return Context({.clock = &clock}); }

  // How many requests `work` costs, by their operations.
  template <typename Function>
  std::map<kmip::Operation, int> Requests(const Function& work) {
    const std::size_t before = server.seen().size();
    work();
    std::map<kmip::Operation, int> counts;
    const auto seen = server.seen();
    for (std::size_t i = before; i < seen.size(); ++i) {
      ++counts[seen[i].operation];
    }
    return counts;
  }

  FakeClock clock;
  FakeKmip server;
  FakeKmipDialer dialer{"kmip-1.example:5696", server};
  FakeKmipDialer second{"kmip-2.example:5696", server};
  TempDir dir;
  kms::RequestSecrets secrets;
  std::shared_ptr<kmip::KmipFamily> family;

 private:
  static constexpr char kPem[] = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";

  class Forward final : public net::Dialer {
   public:
    explicit Forward(net::Dialer& real) : real_(real) {}

    Result<std::unique_ptr<net::ByteStream>> Dial(const Context& context) override {
      return real_.Dial(context);
    }

    const std::string& address() const override { return real_.address(); }

   private:
    net::Dialer& real_;
  };

  static std::vector<std::byte> Bytes(const Secret& secret) {
    return {secret.Reveal().begin(), secret.Reveal().end()};
  }
};

// Kinds of servers.
inline FakeKmipRules NoCiphers() {
  return {.lacks = {kmip::Operation::kEncrypt, kmip::Operation::kDecrypt}};
}

inline FakeKmipRules CbcOnly() {
  return {.modes = {kmip::BlockCipherMode::kCbc}};
}

inline FakeKmipRules GcmOnly() {
  return {.modes = {kmip::BlockCipherMode::kGcm}};
}

// Without additional data, the tag behind Data.
inline FakeKmipRules UpTo13() {
  return {.versions = {{1, 3}, {1, 2}, {1, 1}, {1, 0}}};
}

// Without ciphers.
inline FakeKmipRules UpTo10() {
  return {.versions = {{1, 0}}};
}

inline FakeKmipRules TagBehindData() {
  return {.tag_place = FakeKmipRules::TagPlace::kBehindData};
}

// Options of an entry, for Open().
inline Json Aead() {
  return {{"WRAP_FORMAT", "aead"}};
}

inline Json Fetching() {
  return {{"USE_CRYPTO_RPC", "false"}};
}

}  // namespace rbdcrypt::testing
