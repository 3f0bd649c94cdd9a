// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/operations.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "base/utf8.h"
#include "kmip/key_block.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::size_t kMaxVendorCharacters = 100;

// Cryptographic Usage Mask of a key for Encrypt and Decrypt (kmip.md 11).
constexpr std::int32_t kWrapsByEncrypting =
    static_cast<std::int32_t>(UsageMask::kEncrypt) | static_cast<std::int32_t>(UsageMask::kDecrypt);

// The first version with AE Additional Data and AE Tag.
constexpr Version kWithAeFields = {.major = 1, .minor = 4};

template <typename E>
void WriteIfSet(TtlvWriter& out, Tag tag, const std::optional<E>& value) {
  if (value.has_value()) {
    out.Enum(tag, *value);
  }
}

void WriteIfSet(TtlvWriter& out, Tag tag, const std::optional<std::int32_t>& value) {
  if (value.has_value()) {
    out.Integer(tag, *value);
  }
}

void WriteIfAny(TtlvWriter& out, Tag tag, std::span<const std::byte> bytes) {
  if (!bytes.empty()) {
    out.Bytes(tag, bytes);
  }
}

// Cryptographic Parameters {Block Cipher Mode?, Padding Method?, Cryptographic Algorithm?,
//                           IV Length?, Tag Length?}
void WriteParameters(TtlvWriter& out, const CryptoParameters& parameters) {
  out.Begin(Tag::kCryptographicParameters);
  WriteIfSet(out, Tag::kBlockCipherMode, parameters.mode);
  WriteIfSet(out, Tag::kPaddingMethod, parameters.padding);
  WriteIfSet(out, Tag::kCryptographicAlgorithm, parameters.algorithm);
  WriteIfSet(out, Tag::kIvLength, parameters.iv_bytes);
  WriteIfSet(out, Tag::kTagLength, parameters.tag_bytes);
  out.End();
}

// One whose repetition would be told that it is done already, or worse.
Request Once(Request request) {
  request.is_idempotent = false;
  return request;
}

// A request whose payload begins with the key and has `write_rest` behind it.
Request OfKey(Operation operation,
              std::string key_id,
              std::function<void(Version version, TtlvWriter& payload)> write_rest = {}) {
  Request request;
  request.operation = operation;
  request.write_payload = [key_id, write_rest](Version version, TtlvWriter& payload) {
    payload.Text(Tag::kUniqueIdentifier, key_id);
    if (write_rest) {
      write_rest(version, payload);
    }
  };
  request.key_id = std::move(key_id);
  return request;
}

// What the server need not send; empty where it did not.
Result<std::vector<std::byte>> BytesIfAny(const TtlvView& payload, Tag tag) {
  if (!payload.Find(tag).has_value()) {
    return std::vector<std::byte>();
  }
  ASSIGN_OR_RETURN(const auto bytes, payload.Bytes(tag));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

}  // namespace

bool ServerInformation::Has(Operation operation) const {
  return std::ranges::find(operations, static_cast<std::uint32_t>(operation)) != operations.end();
}

// Request Payload
//   Protocol Version {Protocol Version Major, Protocol Version Minor}   each, best first
Request DiscoverVersionsRequest(std::vector<Version> offered) {
  Request request;
  request.operation = Operation::kDiscoverVersions;
  request.write_payload = [offered = std::move(offered)](Version, TtlvWriter& payload) {
    for (const Version& version : offered) {
      payload.Begin(Tag::kProtocolVersion)
          .Integer(Tag::kProtocolVersionMajor, version.major)
          .Integer(Tag::kProtocolVersionMinor, version.minor)
          .End();
    }
  };
  return request;
}

// Response Payload
//   Protocol Version {Protocol Version Major, Protocol Version Minor}   each
Result<std::vector<Version>> ReadVersions(const Answer& answer) {
  std::vector<Version> versions;
  for (const TtlvView& item : answer.payload().Items()) {
    if (item.tag() != Tag::kProtocolVersion) {
      continue;
    }
    ASSIGN_OR_RETURN(const std::int32_t major, item.Integer(Tag::kProtocolVersionMajor));
    ASSIGN_OR_RETURN(const std::int32_t minor, item.Integer(Tag::kProtocolVersionMinor));
    versions.push_back({.major = major, .minor = minor});
  }
  return versions;
}

// Request Payload
//   Query Function                      each
Request QueryRequest() {
  Request request;
  request.operation = Operation::kQuery;
  request.write_payload = [](Version, TtlvWriter& payload) {
    payload.Enum(Tag::kQueryFunction, QueryFunction::kQueryOperations)
        .Enum(Tag::kQueryFunction, QueryFunction::kQueryObjects)
        .Enum(Tag::kQueryFunction, QueryFunction::kQueryServerInformation);
  };
  return request;
}

// Response Payload
//   Operation                           each
//   Object Type                         each
//   Vendor Identification?
//   Server Information? {…}
Result<ServerInformation> ReadServerInformation(const Answer& answer) {
  ServerInformation information;
  for (const TtlvView& item : answer.payload().Items()) {
    if (item.tag() != Tag::kOperation) {
      continue;
    }
    const std::optional<std::uint32_t> operation = item.AsEnumeration();
    if (!operation.has_value()) {
      return DataLoss("Response Payload: Operation has the wrong type");
    }
    information.operations.push_back(*operation);
  }
  if (answer.payload().Find(Tag::kVendorIdentification).has_value()) {
    ASSIGN_OR_RETURN(const std::string_view vendor,
                     answer.payload().Text(Tag::kVendorIdentification));
    information.vendor = Printable(vendor, kMaxVendorCharacters);
  }
  return information;
}

// Request Payload
//   Unique Identifier
//   Cryptographic Parameters {…}
//   Data
//   IV/Counter/Nonce?
//   AE Additional Data?                 1.4
Request EncryptRequest(const EncryptFields& fields) {
  return OfKey(Operation::kEncrypt, fields.key_id,
               [parameters = fields.parameters, data = &fields.data, iv = fields.iv,
                additional = fields.additional_data](Version version, TtlvWriter& payload) {
                 WriteParameters(payload, parameters);
                 payload.Bytes(Tag::kData, data->Reveal());
                 WriteIfAny(payload, Tag::kIvCounterNonce, iv);
                 if (version >= kWithAeFields) {
                   WriteIfAny(payload, Tag::kAeAdditionalData, additional);
                 }
               });
}

// Response Payload
//   Unique Identifier
//   Data
//   IV/Counter/Nonce?
//   AE Tag?                             1.4
Result<Encrypted> ReadEncrypted(const Answer& answer) {
  Encrypted encrypted;
  ASSIGN_OR_RETURN(const auto data, answer.payload().Bytes(Tag::kData));
  encrypted.data.assign(data.begin(), data.end());
  ASSIGN_OR_RETURN(encrypted.iv, BytesIfAny(answer.payload(), Tag::kIvCounterNonce));
  ASSIGN_OR_RETURN(encrypted.tag, BytesIfAny(answer.payload(), Tag::kAeTag));
  return encrypted;
}

// Request Payload
//   Unique Identifier
//   Cryptographic Parameters {…}
//   Data
//   IV/Counter/Nonce?
//   AE Additional Data?                 1.4
//   AE Tag?                             1.4
Request DecryptRequest(const DecryptFields& fields) {
  return OfKey(Operation::kDecrypt, fields.key_id,
               [parameters = fields.parameters, data = fields.data, iv = fields.iv,
                additional = fields.additional_data,
                tag = fields.tag](Version version, TtlvWriter& payload) {
                 WriteParameters(payload, parameters);
                 payload.Bytes(Tag::kData, data);
                 WriteIfAny(payload, Tag::kIvCounterNonce, iv);
                 if (version >= kWithAeFields) {
                   WriteIfAny(payload, Tag::kAeAdditionalData, additional);
                   WriteIfAny(payload, Tag::kAeTag, tag);
                 }
               });
}

// Response Payload
//   Unique Identifier
//   Data
Result<Secret> ReadDecrypted(const Answer& answer) {
  ASSIGN_OR_RETURN(const auto data, answer.payload().Bytes(Tag::kData));
  return Secret(data);
}

// Request Payload
//   Unique Identifier
Request GetRequest(std::string key_id) {
  return OfKey(Operation::kGet, std::move(key_id));
}

// Response Payload
//   Object Type
//   Unique Identifier
//   Symmetric Key {Key Block {…}}     kmip/key_block.h
Result<Secret> ReadKeyMaterial(const Answer& answer) {
  return ReadAesKey(answer.payload());
}

// Request Payload
//   Unique Identifier
//   Attribute Name "State"              each, 1.x
//   Attribute Reference 42008D          each, 2.x: the attribute's tag
Request GetAttributesRequest(std::string key_id) {
  return OfKey(Operation::kGetAttributes, std::move(key_id),
               [](Version version, TtlvWriter& payload) {
                 for (const Tag tag : kKeyAttributes) {
                   if (version >= kFlatAttributes) {
                     payload.Enum(Tag::kAttributeReference, tag);
                   } else {
                     payload.Text(Tag::kAttributeName, NameOf(tag));
                   }
                 }
               });
}

// Response Payload
//   Unique Identifier
//   Attribute {Attribute Name, Attribute Index?, Attribute Value}       each, 1.x
//   Attributes {State, …}                                               2.x
Result<KeyAttributes> ReadAttributes(const Answer& answer) {
  return ReadKeyAttributes(answer.payload());
}

// Request Payload
//   Attribute {Attribute Name, Attribute Value}                         each, 1.x
//   Attributes {Object Type, Name {…}}                                  2.x
Request LocateRequest(std::string name) {
  Request request;
  request.operation = Operation::kLocate;
  request.write_payload = [name = std::move(name)](Version version, TtlvWriter& payload) {
    AttributeWriter(version, payload)
        .Enumeration(Tag::kObjectType, static_cast<std::uint32_t>(ObjectType::kSymmetricKey))
        .Name(name)
        .Finish();
  };
  return request;
}

// Response Payload
//   Located Items?
//   Unique Identifier                   each
Result<std::vector<std::string>> ReadLocated(const Answer& answer) {
  std::vector<std::string> located;
  for (const TtlvView& item : answer.payload().Items()) {
    if (item.tag() != Tag::kUniqueIdentifier) {
      continue;
    }
    const std::optional<std::string_view> key = item.AsText();
    if (!key.has_value()) {
      return DataLoss("Response Payload: Unique Identifier has the wrong type");
    }
    located.emplace_back(*key);
  }
  return located;
}

// Request Payload
//   Object Type
//   Template-Attribute {Attribute {Attribute Name, Attribute Value}, …}     1.x
//   Attributes {Cryptographic Algorithm, …}                                 2.x
Request CreateRequest(std::int32_t bits, std::string name) {
  Request request;
  request.operation = Operation::kCreate;
  request.is_idempotent = false;
  request.write_payload = [bits, name = std::move(name)](Version version, TtlvWriter& payload) {
    payload.Enum(Tag::kObjectType, ObjectType::kSymmetricKey);
    AttributeWriter::Template(version, payload)
        .Enumeration(Tag::kCryptographicAlgorithm,
                     static_cast<std::uint32_t>(CryptographicAlgorithm::kAes))
        .Integer(Tag::kCryptographicLength, bits)
        .Integer(Tag::kCryptographicUsageMask, kWrapsByEncrypting)
        .Name(name)
        .Finish();
  };
  return request;
}

// Request Payload
//   Unique Identifier
Request ActivateRequest(std::string key_id) {
  return Once(OfKey(Operation::kActivate, std::move(key_id)));
}

// Request Payload
//   Unique Identifier
//   Revocation Reason {Revocation Reason Code}
Request RevokeRequest(std::string key_id) {
  return Once(OfKey(Operation::kRevoke, std::move(key_id), [](Version, TtlvWriter& payload) {
    payload.Begin(Tag::kRevocationReason)
        .Enum(Tag::kRevocationReasonCode, RevocationReasonCode::kCessationOfOperation)
        .End();
  }));
}

// Request Payload
//   Unique Identifier
Request DestroyRequest(std::string key_id) {
  return Once(OfKey(Operation::kDestroy, std::move(key_id)));
}

// Response Payload
//   Object Type?
//   Unique Identifier
Result<std::string> ReadKeyId(const Answer& answer) {
  ASSIGN_OR_RETURN(const std::string_view key, answer.payload().Text(Tag::kUniqueIdentifier));
  return std::string(key);
}

}  // namespace rbdcrypt::kmip
