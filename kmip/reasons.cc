// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/reasons.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/strings.h"
#include "base/utf8.h"

namespace rbdcrypt::kmip {
namespace {

using enum ResultReason;
using enum RetryClass;

constexpr std::size_t kMaxServerText = 200;

// A payload, since those survive Annotate(): the reason in hexadecimal.
constexpr char kReasonPayload[] = "rbdcrypt/kmip-reason";

// kmip.md 13.
constexpr std::array kReasons = {
    ReasonRow{kItemNotFound, "Item Not Found", kPermanent, Code::kNotFound},
    ReasonRow{kResponseTooLarge, "Response Too Large", kPermanent, Code::kInternal},
    ReasonRow{kAuthenticationNotSuccessful, "Authentication Not Successful", kPermanent,
              Code::kPermissionDenied},
    ReasonRow{kInvalidMessage, "Invalid Message", kRenegotiate, Code::kInternal},
    ReasonRow{kOperationNotSupported, "Operation Not Supported", kPermanent, Code::kUnimplemented},
    ReasonRow{kMissingData, "Missing Data", kPermanent, Code::kInvalidArgument},
    ReasonRow{kInvalidField, "Invalid Field", kPermanent, Code::kInvalidArgument},
    ReasonRow{kFeatureNotSupported, "Feature Not Supported", kPermanent, Code::kUnimplemented},
    ReasonRow{kOperationCanceledByRequester, "Operation Canceled By Requester", kPermanent,
              Code::kInternal},
    ReasonRow{kCryptographicFailure, "Cryptographic Failure", kPermanent, Code::kDataLoss},
    ReasonRow{kIllegalOperation, "Illegal Operation", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kPermissionDenied, "Permission Denied", kPermanent, Code::kPermissionDenied},
    ReasonRow{kObjectArchived, "Object Archived", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kKeyFormatTypeNotSupported, "Key Format Type Not Supported", kPermanent,
              Code::kInvalidArgument},
    ReasonRow{kKeyCompressionTypeNotSupported, "Key Compression Type Not Supported", kPermanent,
              Code::kInvalidArgument},
    ReasonRow{kEncodingOptionError, "Encoding Option Error", kPermanent, Code::kInvalidArgument},
    ReasonRow{kKeyValueNotPresent, "Key Value Not Present", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kAttestationRequired, "Attestation Required", kPermanent, Code::kPermissionDenied},
    ReasonRow{kAttestationFailed, "Attestation Failed", kPermanent, Code::kPermissionDenied},
    ReasonRow{kSensitive, "Sensitive", kPermanent, Code::kPermissionDenied},
    ReasonRow{kNotExtractable, "Not Extractable", kPermanent, Code::kPermissionDenied},
    ReasonRow{kObjectAlreadyExists, "Object Already Exists", kPermanent, Code::kAlreadyExists},
    ReasonRow{kUsageLimitExceeded, "Usage Limit Exceeded", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kBadCryptographicParameters, "Bad Cryptographic Parameters", kPermanent,
              Code::kInvalidArgument},
    ReasonRow{kCodecError, "Codec Error", kRenegotiate, Code::kInternal},
    ReasonRow{kIllegalObjectType, "Illegal Object Type", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kIncompatibleCryptographicUsageMask, "Incompatible Cryptographic Usage Mask",
              kPermanent, Code::kFailedPrecondition},
    ReasonRow{kInternalServerError, "Internal Server Error", kTransient, Code::kUnavailable},
    ReasonRow{kMissingInitializationVector, "Missing Initialization Vector", kPermanent,
              Code::kInvalidArgument},
    ReasonRow{kNonUniqueNameAttribute, "Non Unique Name Attribute", kPermanent,
              Code::kAlreadyExists},
    ReasonRow{kObjectDestroyed, "Object Destroyed", kPermanent, Code::kFailedPrecondition},
    ReasonRow{kObjectNotFound, "Object Not Found", kPermanent, Code::kNotFound},
    ReasonRow{kNotAuthorised, "Not Authorised", kPermanent, Code::kPermissionDenied},
    ReasonRow{kServerLimitExceeded, "Server Limit Exceeded", kTransient, Code::kUnavailable},
    ReasonRow{kUnknownTag, "Unknown Tag", kRenegotiate, Code::kInternal},
    ReasonRow{kUnsupportedCryptographicParameters, "Unsupported Cryptographic Parameters",
              kPermanent, Code::kInvalidArgument},
    ReasonRow{kUnsupportedProtocolVersion, "Unsupported Protocol Version", kRenegotiate,
              Code::kFailedPrecondition},
    ReasonRow{kWrongKeyLifecycleState, "Wrong Key Lifecycle State", kPermanent,
              Code::kFailedPrecondition},
    ReasonRow{kProtectionStorageUnavailable, "Protection Storage Unavailable", kTransient,
              Code::kUnavailable},
    ReasonRow{kGeneralFailure, "General Failure", kAmbiguous, Code::kInternal},
};

std::string StatusText(std::uint32_t result_status) {
  switch (static_cast<ResultStatus>(result_status)) {
    case ResultStatus::kOperationPending:
      return "Operation Pending, though it was to be done at once";
    case ResultStatus::kOperationUndone:
      return "Operation Undone";
    default:
      return Cat("Result Status ", HexNumber(result_status));
  }
}

std::string ReasonText(std::uint32_t reason) {
  const ReasonRow* row = FindReason(reason);
  return row != nullptr ? Cat(row->name, " (", HexNumber(reason), ')')
                        : Cat("reason ", HexNumber(reason));
}

}  // namespace

const ReasonRow* FindReason(std::uint32_t reason) {
  const auto* row = std::ranges::find(
      kReasons, reason, [](const ReasonRow& r) { return static_cast<std::uint32_t>(r.reason); });
  return row != kReasons.end() ? row : nullptr;
}

Status FromReason(Operation operation,
                  std::uint32_t result_status,
                  std::optional<std::uint32_t> reason,
                  std::string_view message) {
  const bool is_failure =
      result_status == static_cast<std::uint32_t>(ResultStatus::kOperationFailed);
  std::string text = Cat("KMIP ", NameOf(operation), ": ");
  text += is_failure ? "" : StatusText(result_status);
  if (is_failure) {
    text += reason.has_value() ? ReasonText(*reason) : "failed without a reason";
  }
  const std::string said = Printable(message, kMaxServerText);
  text += said.empty() ? "" : ": " + said;
  const ReasonRow* row = is_failure && reason.has_value() ? FindReason(*reason) : nullptr;
  Status status = MakeStatus(row != nullptr ? row->code : Code::kInternal, text);
  if (is_failure && reason.has_value()) {
    status.SetPayload(kReasonPayload, absl::Cord(HexUint(*reason, 8)));
  }
  return status;
}

std::optional<ResultReason> ReasonOf(const Status& status) {
  const auto payload = status.GetPayload(kReasonPayload);
  if (!payload.has_value()) {
    return std::nullopt;
  }
  const std::optional<std::uint64_t> reason = ParseHexUint(std::string(*payload));
  return reason.has_value() ? std::optional(static_cast<ResultReason>(*reason)) : std::nullopt;
}

RetryClass RetryClassOf(const Status& status) {
  const std::optional<ResultReason> reason = ReasonOf(status);
  if (!reason.has_value()) {
    return kPermanent;
  }
  const ReasonRow* row = FindReason(static_cast<std::uint32_t>(*reason));
  return row != nullptr ? row->retry : kAmbiguous;
}

}  // namespace rbdcrypt::kmip
