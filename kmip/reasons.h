// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kmip/tags.h"

namespace rbdcrypt::kmip {

// What may be done about a failure that a server reports (kmip.md 13).
enum class RetryClass {
  // Somebody has to change something.
  kPermanent,
  // The same again later, or at another server.
  kTransient,
  // Nobody knows: once more, and then it is permanent.
  kAmbiguous,
  // The version may be to blame: agree on one anew, once.
  kRenegotiate,
};

struct ReasonRow {
  ResultReason reason;
  // As the specification writes it: "Item Not Found".
  std::string_view name;
  RetryClass retry;
  Code code;
};

// The row of a reason, or null: not in our table, which has what may be answered to an operation of
// kmip/operations.h.
const ReasonRow* FindReason(std::uint32_t reason);

// The error of an answer whose Result Status is not Success: "KMIP Encrypt: Item Not Found (0x01):
// <the server's text, at most 200 characters, printable ones only>".
//
//   kNotFound            Item Not Found, Object Not Found: or not ours to see
//   kPermissionDenied    Permission Denied, Not Authorised, Authentication Not Successful,
//                        Sensitive, Not Extractable
//   kFailedPrecondition  the key's state, usage mask or usage limits forbid it, or it is archived
//   kDataLoss            Cryptographic Failure: ciphertext, IV or additional data are others
//   kUnavailable         Internal Server Error, Server Limit Exceeded, Protection Storage
//                        Unavailable
//   kUnimplemented       operation or feature not supported
//   kInvalidArgument     the server does not take the parameters
//   kAlreadyExists       the server keeps names unique, and this one is taken
//   kInternal            anything else: General Failure, a message that the server cannot read, no
//                        reason or one that is not in the table, a status but "Operation Failed"
//
// Carries the reason of a failed operation as a payload; see ReasonOf(), RetryClassOf().
Status FromReason(Operation operation,
                  std::uint32_t result_status,
                  std::optional<std::uint32_t> reason,
                  std::string_view message);

// What the server gave as the reason of this error, if it did give one. Survives Annotate().
std::optional<ResultReason> ReasonOf(const Status& status);

// kAmbiguous for a reason that is not in the table, kPermanent for an error without one.
RetryClass RetryClassOf(const Status& status);

}  // namespace rbdcrypt::kmip
