// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "kmip/attributes.h"
#include "kmip/messages.h"
#include "kmip/tags.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// Each operation is a function that makes its request and one that reads its answer, whose trees
// stand beside them in operations.cc (kmip.md 5). Requests keep copies of what they are given, but
// for secrets and spans, which must outlive them. Read…(): kDataLoss where a field lacks or is of
// the wrong kind, or the answer is about another key.

// Cryptographic Parameters; a field that is not set is not sent.
struct CryptoParameters {
  std::optional<BlockCipherMode> mode = {};
  std::optional<PaddingMethod> padding = {};
  std::optional<CryptographicAlgorithm> algorithm = {};
  // In bytes (PyKMIP needs it for GCM).
  std::optional<std::int32_t> iv_bytes = {};
  std::optional<std::int32_t> tag_bytes = {};
};

// ---- Discover Versions (1.1 and later) ----
Request DiscoverVersionsRequest(std::vector<Version> offered);
// In the server's order; empty: none in common.
Result<std::vector<Version>> ReadVersions(const Answer& answer);

// ---- Query ----
Request QueryRequest();  // Operations, Objects and Server Information

struct ServerInformation {
  std::vector<std::uint32_t> operations;
  // Vendor Identification, printable, at most 100 characters; "" where the server keeps it to
  // itself.
  std::string vendor;

  bool Has(Operation operation) const;
};

Result<ServerInformation> ReadServerInformation(const Answer& answer);

// ---- Encrypt, Decrypt (1.2 and later) ----
struct EncryptFields {
  std::string key_id;
  CryptoParameters parameters;
  const Secret& data;
  std::span<const std::byte> iv = {};
  // AE Additional Data: 1.4 and later, not written below.
  std::span<const std::byte> additional_data = {};
};

Request EncryptRequest(const EncryptFields& fields);

struct Encrypted {
  std::vector<std::byte> data;
  // Of a server that made or changed it.
  std::vector<std::byte> iv;
  // AE Tag, where it is a field of its own.
  std::vector<std::byte> tag;
};

Result<Encrypted> ReadEncrypted(const Answer& answer);

struct DecryptFields {
  std::string key_id;
  CryptoParameters parameters;
  std::span<const std::byte> data;
  std::span<const std::byte> iv = {};
  std::span<const std::byte> additional_data = {};
  // AE Tag; empty sends none.
  std::span<const std::byte> tag = {};
};

Request DecryptRequest(const DecryptFields& fields);
Result<Secret> ReadDecrypted(const Answer& answer);

// ---- Get ----
Request GetRequest(std::string key_id);
// The bytes of a symmetric key in Raw format that is not wrapped. kFailedPrecondition: it is
// something else, or of another size or algorithm than AES has (names what).
Result<Secret> ReadKeyMaterial(const Answer& answer);

// ---- Get Attributes ----
Request GetAttributesRequest(std::string key_id);

// Of either shape: Attribute structures of 1.x, Attributes of 2.x.
Result<KeyAttributes> ReadAttributes(const Answer& answer);

// ---- Locate, Create, Activate, Revoke, Destroy ----
// Symmetric keys of that Name.
Request LocateRequest(std::string name);
Result<std::vector<std::string>> ReadLocated(const Answer& answer);

// An AES key for Encrypt and Decrypt (usage mask 0x0C).
Request CreateRequest(std::int32_t bits, std::string name);
Request ActivateRequest(std::string key_id);
// Revocation Reason "Cessation of Operation".
Request RevokeRequest(std::string key_id);
Request DestroyRequest(std::string key_id);

// The Unique Identifier that the answer names.
Result<std::string> ReadKeyId(const Answer& answer);

}  // namespace rbdcrypt::kmip
