// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "base/source_location.h"

namespace rbdcrypt {

// The outcome of everything that can fail. The codes equal gRPC's, so the CSI edge casts them.
//
// What a code means here, everywhere (safety rule F: six conditions of a key, six codes):
//
//   kInvalidArgument     bad input or configuration; the text names the field
//   kUnauthenticated     WRONG KEY: a key or passphrase was found, but it opens nothing
//   kPermissionDenied    the key manager (or Ceph) knows who asks, and says no
//   kNotFound            gone, or MISSING KEY: the store has no key under this volume
//   kUnavailable         retry later: key manager or cluster down, answer late
//   kDataLoss            header or wrapped key damaged; nothing was written
//   kAlreadyExists       same name, other parameters
//   kAborted             an operation is in flight, a compare-and-swap lost, or too many calls
//   kFailedPrecondition  in use, or in a state that forbids the call
//   kOutOfRange          a size that cannot be met
//   kResourceExhausted   no free keyslot, disk full; never "too busy" (sidecars take it as final)
//   kDeadlineExceeded, kCancelled   the caller's own limit
//   kUnimplemented       not offered by this build or in this mode
//   kInternal            a library answered what its documentation excludes
using Status = absl::Status;
using Code = absl::StatusCode;

template <typename T>
using Result = absl::StatusOr<T>;

inline Status OkStatus() {
  return absl::OkStatus();
}

// Makes a status of `code`; the call site travels as a payload (see Where).
Status MakeStatus(Code code,
                  std::string_view message,
                  SourceLocation where = SourceLocation::Current());

Status InvalidArgument(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Unauthenticated(std::string_view message, SourceLocation where = SourceLocation::Current());
Status PermissionDenied(std::string_view message, SourceLocation where = SourceLocation::Current());
Status NotFound(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Unavailable(std::string_view message, SourceLocation where = SourceLocation::Current());
Status DataLoss(std::string_view message, SourceLocation where = SourceLocation::Current());
Status AlreadyExists(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Aborted(std::string_view message, SourceLocation where = SourceLocation::Current());
Status FailedPrecondition(std::string_view message,
                          SourceLocation where = SourceLocation::Current());
Status OutOfRange(std::string_view message, SourceLocation where = SourceLocation::Current());
Status ResourceExhausted(std::string_view message,
                         SourceLocation where = SourceLocation::Current());
Status DeadlineExceeded(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Cancelled(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Unimplemented(std::string_view message, SourceLocation where = SourceLocation::Current());
Status Internal(std::string_view message, SourceLocation where = SourceLocation::Current());

// Converts a positive errno of a failed call, whose text is added:
//
//   kNotFound            ENOENT, ENODEV, ENXIO
//   kAlreadyExists       EEXIST
//   kPermissionDenied    EACCES, EPERM
//   kFailedPrecondition  EBUSY, ENOTEMPTY
//   kUnavailable         EINTR, EAGAIN, ETIMEDOUT, ECONNREFUSED, ECONNRESET, ENOTCONN, EPIPE,
//                        ESHUTDOWN
//   kResourceExhausted   ENOSPC, EDQUOT, ENOMEM
//   kInvalidArgument     EINVAL, ENAMETOOLONG
//   kOutOfRange          ERANGE
//   kDataLoss            EILSEQ, EBADMSG
//   kInternal            any other, EIO among them
//
// Where a call gives a number a meaning of its own (EBUSY of a lock), look at it first. Save errno
// before anything else can touch it.
Status FromErrno(int error,
                 std::string_view message,
                 SourceLocation where = SourceLocation::Current());

// Whether the same call may succeed later without anybody changing anything: kUnavailable,
// kAborted, kDeadlineExceeded, kCancelled. What a transient error leaves half done stays for the
// next call.
bool IsTransient(const Status& status);

// The text for a person, without the code.
std::string Message(const Status& status);

// The call site of the innermost status, "file:line", or "" if it was not made here.
std::string Where(const Status& status);

// The standard's name of a code, as gRPC prints it: "FAILED_PRECONDITION".
std::string CodeName(Code code);

// Puts "context: " before the text of an error, once per layer; code and call site stay.
Status Annotate(const Status& status, std::string_view context);

// Two of these in one scope are two variables.
#define RBDCRYPT_CONCAT_INNER(a, b) a##b
#define RBDCRYPT_CONCAT(a, b) RBDCRYPT_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expression`, a Status, is an error.
#define RETURN_IF_ERROR(expression)                                 \
  do {                                                              \
    if (::rbdcrypt::Status status_ = (expression); !status_.ok()) { \
      return status_;                                               \
    }                                                               \
  } while (false)

// Declares or assigns `left` from the value of a Result, or returns its error.
#define ASSIGN_OR_RETURN(left, expression) \
  ASSIGN_OR_RETURN_INNER(RBDCRYPT_CONCAT(result_, __LINE__), left, expression)
#define ASSIGN_OR_RETURN_INNER(result, left, expression) \
  auto result = (expression);                            \
  if (!result.ok()) {                                    \
    return result.status();                              \
  }                                                      \
  left = *std::move(result)

// A broken invariant of our own: logs the condition and aborts. Never for input.
#define RBDCRYPT_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::rbdcrypt::CheckFailed(#condition))

[[noreturn]] void CheckFailed(const char* condition,
                              SourceLocation where = SourceLocation::Current());

}  // namespace rbdcrypt
