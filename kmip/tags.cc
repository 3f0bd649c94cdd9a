// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/tags.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/encoding.h"
#include "base/strings.h"

namespace rbdcrypt::kmip {
namespace {

template <typename E, std::size_t kRows>
using Names = std::array<std::pair<E, std::string_view>, kRows>;

constexpr Names<Tag, 62> kTagNames = {{
    {Tag::kActivationDate, "Activation Date"},
    {Tag::kAsynchronousCorrelationValue, "Asynchronous Correlation Value"},
    {Tag::kAttribute, "Attribute"},
    {Tag::kAttributeIndex, "Attribute Index"},
    {Tag::kAttributeName, "Attribute Name"},
    {Tag::kAttributeValue, "Attribute Value"},
    {Tag::kBatchCount, "Batch Count"},
    {Tag::kBatchItem, "Batch Item"},
    {Tag::kBlockCipherMode, "Block Cipher Mode"},
    {Tag::kCryptographicAlgorithm, "Cryptographic Algorithm"},
    {Tag::kCryptographicLength, "Cryptographic Length"},
    {Tag::kCryptographicParameters, "Cryptographic Parameters"},
    {Tag::kCryptographicUsageMask, "Cryptographic Usage Mask"},
    {Tag::kIvCounterNonce, "IV/Counter/Nonce"},
    {Tag::kKeyBlock, "Key Block"},
    {Tag::kKeyCompressionType, "Key Compression Type"},
    {Tag::kKeyFormatType, "Key Format Type"},
    {Tag::kKeyMaterial, "Key Material"},
    {Tag::kKeyValue, "Key Value"},
    {Tag::kKeyWrappingData, "Key Wrapping Data"},
    {Tag::kMaximumItems, "Maximum Items"},
    {Tag::kName, "Name"},
    {Tag::kNameType, "Name Type"},
    {Tag::kNameValue, "Name Value"},
    {Tag::kObjectType, "Object Type"},
    {Tag::kOperation, "Operation"},
    {Tag::kPaddingMethod, "Padding Method"},
    {Tag::kProtocolVersion, "Protocol Version"},
    {Tag::kProtocolVersionMajor, "Protocol Version Major"},
    {Tag::kProtocolVersionMinor, "Protocol Version Minor"},
    {Tag::kQueryFunction, "Query Function"},
    {Tag::kRequestHeader, "Request Header"},
    {Tag::kRequestMessage, "Request Message"},
    {Tag::kRequestPayload, "Request Payload"},
    {Tag::kResponseHeader, "Response Header"},
    {Tag::kResponseMessage, "Response Message"},
    {Tag::kResponsePayload, "Response Payload"},
    {Tag::kResultMessage, "Result Message"},
    {Tag::kResultReason, "Result Reason"},
    {Tag::kResultStatus, "Result Status"},
    {Tag::kRevocationMessage, "Revocation Message"},
    {Tag::kRevocationReason, "Revocation Reason"},
    {Tag::kRevocationReasonCode, "Revocation Reason Code"},
    {Tag::kServerInformation, "Server Information"},
    {Tag::kState, "State"},
    {Tag::kSymmetricKey, "Symmetric Key"},
    {Tag::kTemplateAttribute, "Template-Attribute"},
    {Tag::kTimeStamp, "Time Stamp"},
    {Tag::kUniqueBatchItemId, "Unique Batch Item ID"},
    {Tag::kUniqueIdentifier, "Unique Identifier"},
    {Tag::kVendorIdentification, "Vendor Identification"},
    {Tag::kData, "Data"},
    {Tag::kRandomIv, "Random IV"},
    {Tag::kIvLength, "IV Length"},
    {Tag::kTagLength, "Tag Length"},
    {Tag::kOffsetItems, "Offset Items"},
    {Tag::kLocatedItems, "Located Items"},
    {Tag::kAeAdditionalData, "Authenticated Encryption Additional Data"},
    {Tag::kAeTag, "Authenticated Encryption Tag"},
    {Tag::kServerCorrelationValue, "Server Correlation Value"},
    {Tag::kAttributes, "Attributes"},
    {Tag::kAttributeReference, "Attribute Reference"},
}};

constexpr Names<State, 6> kStateNames = {{
    {State::kPreActive, "Pre-Active"},
    {State::kActive, "Active"},
    {State::kDeactivated, "Deactivated"},
    {State::kCompromised, "Compromised"},
    {State::kDestroyed, "Destroyed"},
    {State::kDestroyedCompromised, "Destroyed Compromised"},
}};

constexpr Names<Operation, 13> kOperationNames = {{
    {Operation::kCreate, "Create"},
    {Operation::kRegister, "Register"},
    {Operation::kReKey, "Re-key"},
    {Operation::kLocate, "Locate"},
    {Operation::kGet, "Get"},
    {Operation::kGetAttributes, "Get Attributes"},
    {Operation::kActivate, "Activate"},
    {Operation::kRevoke, "Revoke"},
    {Operation::kDestroy, "Destroy"},
    {Operation::kQuery, "Query"},
    {Operation::kDiscoverVersions, "Discover Versions"},
    {Operation::kEncrypt, "Encrypt"},
    {Operation::kDecrypt, "Decrypt"},
}};

template <typename E, std::size_t kRows>
std::string Find(const Names<E, kRows>& names, E wanted) {
  for (const auto& [value, name] : names) {
    if (value == wanted) {
      return std::string(name);
    }
  }
  return HexNumber(static_cast<std::uint32_t>(wanted));
}

}  // namespace

std::string HexNumber(std::uint32_t number) {
  int digits = 2;
  while (digits < 8 && number >> (4 * digits) != 0) {
    digits += 2;
  }
  return Cat("0x", HexUint(number, digits));
}

std::string NameOf(Operation operation) {
  return Find(kOperationNames, operation);
}

std::string NameOf(State state) {
  return Find(kStateNames, state);
}

std::string NameOf(Tag tag) {
  return Find(kTagNames, tag);
}

}  // namespace rbdcrypt::kmip
