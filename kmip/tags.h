// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>

namespace rbdcrypt::kmip {

// The numbers of the protocol, each table with its section of "Key Management Interoperability
// Protocol Specification Version 1.4" (OASIS Standard, 22 November 2017). What a later version
// added says so. Enumerators have the specification's names without spaces and slashes.
//
// Only what this client sends or looks at: a server may use any other number, so a value from
// outside is kept as a number until it was found here.

// Section 9.1.1.2: the kinds of an item.
enum class Type : std::uint8_t {
  kStructure = 0x01,
  kInteger = 0x02,
  kLongInteger = 0x03,
  kBigInteger = 0x04,
  kEnumeration = 0x05,
  kBoolean = 0x06,
  kTextString = 0x07,
  kByteString = 0x08,
  kDateTime = 0x09,
  kInterval = 0x0A,
  kDateTimeExtended = 0x0B,  // 2.0
};

// Section 9.1.3.1.
enum class Tag : std::uint32_t {
  kActivationDate = 0x420001,
  kAsynchronousCorrelationValue = 0x420006,
  kAttribute = 0x420008,
  kAttributeIndex = 0x420009,
  kAttributeName = 0x42000A,
  kAttributeValue = 0x42000B,
  kBatchCount = 0x42000D,
  kBatchItem = 0x42000F,
  kBlockCipherMode = 0x420011,
  kCryptographicAlgorithm = 0x420028,
  kCryptographicLength = 0x42002A,
  kCryptographicParameters = 0x42002B,
  kCryptographicUsageMask = 0x42002C,
  kIvCounterNonce = 0x42003D,
  kKeyBlock = 0x420040,
  kKeyCompressionType = 0x420041,
  kKeyFormatType = 0x420042,
  kKeyMaterial = 0x420043,
  kKeyValue = 0x420045,
  kKeyWrappingData = 0x420046,
  kMaximumItems = 0x42004F,
  kName = 0x420053,
  kNameType = 0x420054,
  kNameValue = 0x420055,
  kObjectType = 0x420057,
  kOperation = 0x42005C,
  kPaddingMethod = 0x42005F,
  kProtocolVersion = 0x420069,
  kProtocolVersionMajor = 0x42006A,
  kProtocolVersionMinor = 0x42006B,
  kQueryFunction = 0x420074,
  kRequestHeader = 0x420077,
  kRequestMessage = 0x420078,
  kRequestPayload = 0x420079,
  kResponseHeader = 0x42007A,
  kResponseMessage = 0x42007B,
  kResponsePayload = 0x42007C,
  kResultMessage = 0x42007D,
  kResultReason = 0x42007E,
  kResultStatus = 0x42007F,
  kRevocationMessage = 0x420080,
  kRevocationReason = 0x420081,
  kRevocationReasonCode = 0x420082,
  kServerInformation = 0x420088,
  kState = 0x42008D,
  kSymmetricKey = 0x42008F,
  kTemplateAttribute = 0x420091,
  kTimeStamp = 0x420092,
  kUniqueBatchItemId = 0x420093,
  kUniqueIdentifier = 0x420094,
  kVendorIdentification = 0x42009D,
  kData = 0x4200C2,
  kRandomIv = 0x4200C5,
  kIvLength = 0x4200CD,
  kTagLength = 0x4200CE,
  kOffsetItems = 0x4200D4,             // 1.3
  kLocatedItems = 0x4200D5,            // 1.3
  kAeAdditionalData = 0x4200FE,        // 1.4
  kAeTag = 0x4200FF,                   // 1.4
  kServerCorrelationValue = 0x420106,  // 1.4
  kAttributes = 0x420125,              // 2.0
  kAttributeReference = 0x42013B,      // 2.0
};

// Section 9.1.3.2.3.
enum class KeyFormatType : std::uint32_t {
  kRaw = 0x01,
  kOpaque = 0x02,
  kTransparentSymmetricKey = 0x07,
};

// Section 9.1.3.2.11.
enum class NameType : std::uint32_t {
  kUninterpretedTextString = 0x01,
  kUri = 0x02,
};

// Section 9.1.3.2.12.
enum class ObjectType : std::uint32_t {
  kCertificate = 0x01,
  kSymmetricKey = 0x02,
  kPublicKey = 0x03,
  kPrivateKey = 0x04,
  kSplitKey = 0x05,
  kTemplate = 0x06,
  kSecretData = 0x07,
  kOpaqueObject = 0x08,
  kPgpKey = 0x09,
};

// Section 9.1.3.2.13.
enum class CryptographicAlgorithm : std::uint32_t {
  kDes = 0x01,
  kTripleDes = 0x02,
  kAes = 0x03,
  kRsa = 0x04,
};

// Section 9.1.3.2.14.
enum class BlockCipherMode : std::uint32_t {
  kCbc = 0x01,
  kEcb = 0x02,
  kCtr = 0x06,
  kCcm = 0x08,
  kGcm = 0x09,
  kAesKeyWrapPadding = 0x0C,
  kNistKeyWrap = 0x0D,
};

// Section 9.1.3.2.15.
enum class PaddingMethod : std::uint32_t {
  kNone = 0x01,
  kPkcs5 = 0x03,
};

// Section 9.1.3.2.18.
enum class State : std::uint32_t {
  kPreActive = 0x01,
  kActive = 0x02,
  kDeactivated = 0x03,
  kCompromised = 0x04,
  kDestroyed = 0x05,
  kDestroyedCompromised = 0x06,
};

// Section 9.1.3.2.19.
enum class RevocationReasonCode : std::uint32_t {
  kUnspecified = 0x01,
  kKeyCompromise = 0x02,
  kCaCompromise = 0x03,
  kAffiliationChanged = 0x04,
  kSuperseded = 0x05,
  kCessationOfOperation = 0x06,
  kPrivilegeWithdrawn = 0x07,
};

// Section 9.1.3.2.24.
enum class QueryFunction : std::uint32_t {
  kQueryOperations = 0x01,
  kQueryObjects = 0x02,
  kQueryServerInformation = 0x03,
};

// Section 9.1.3.2.27.
enum class Operation : std::uint32_t {
  kCreate = 0x01,
  kRegister = 0x03,
  kReKey = 0x04,
  kLocate = 0x08,
  kGet = 0x0A,
  kGetAttributes = 0x0B,
  kActivate = 0x12,
  kRevoke = 0x13,
  kDestroy = 0x14,
  kQuery = 0x18,
  kDiscoverVersions = 0x1E,  // 1.1
  kEncrypt = 0x1F,           // 1.2
  kDecrypt = 0x20,           // 1.2
};

// Section 9.1.3.2.28.
enum class ResultStatus : std::uint32_t {
  kSuccess = 0x00,
  kOperationFailed = 0x01,
  kOperationPending = 0x02,
  kOperationUndone = 0x03,
};

// Section 9.1.3.2.29; from 0x1A to 0x44 the Result Reason Enumeration of KMIP 2.1, section 11. What
// each means to us: kmip/reasons.h.
enum class ResultReason : std::uint32_t {
  kItemNotFound = 0x01,
  kResponseTooLarge = 0x02,
  kAuthenticationNotSuccessful = 0x03,
  kInvalidMessage = 0x04,
  kOperationNotSupported = 0x05,
  kMissingData = 0x06,
  kInvalidField = 0x07,
  kFeatureNotSupported = 0x08,
  kOperationCanceledByRequester = 0x09,
  kCryptographicFailure = 0x0A,
  kIllegalOperation = 0x0B,
  kPermissionDenied = 0x0C,
  kObjectArchived = 0x0D,
  kKeyFormatTypeNotSupported = 0x10,
  kKeyCompressionTypeNotSupported = 0x11,
  kEncodingOptionError = 0x12,
  kKeyValueNotPresent = 0x13,
  kAttestationRequired = 0x14,
  kAttestationFailed = 0x15,
  kSensitive = 0x16,
  kNotExtractable = 0x17,
  kObjectAlreadyExists = 0x18,
  kUsageLimitExceeded = 0x1A,
  kBadCryptographicParameters = 0x24,
  kCodecError = 0x26,
  kIllegalObjectType = 0x28,
  kIncompatibleCryptographicUsageMask = 0x29,
  kInternalServerError = 0x2A,
  kMissingInitializationVector = 0x34,
  kNonUniqueNameAttribute = 0x35,
  kObjectDestroyed = 0x36,
  kObjectNotFound = 0x37,
  kNotAuthorised = 0x39,
  kServerLimitExceeded = 0x3A,
  kUnknownTag = 0x3D,
  kUnsupportedCryptographicParameters = 0x3E,
  kUnsupportedProtocolVersion = 0x3F,
  kWrongKeyLifecycleState = 0x43,
  kProtectionStorageUnavailable = 0x44,
  kGeneralFailure = 0x100,
};

// Section 9.1.3.3.1: bits.
enum class UsageMask : std::uint32_t {
  kEncrypt = 0x04,
  kDecrypt = 0x08,
  kWrapKey = 0x10,
  kUnwrapKey = 0x20,
};

// As the specification writes a number, for texts: "0x0a", "0x0100", "0x4200c2".
std::string HexNumber(std::uint32_t number);

// As the specification writes them, for texts: "Get Attributes", "Pre-Active", "Block Cipher Mode".
// HexNumber() of what is not in the table.
std::string NameOf(Operation operation);
std::string NameOf(State state);
std::string NameOf(Tag tag);

}  // namespace rbdcrypt::kmip
