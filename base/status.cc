// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/status.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

constexpr char kWherePayload[] = "rbdcrypt/where";

Code CodeFromErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
      return Code::kPermissionDenied;
    case EBUSY:
    case ENOTEMPTY:
      return Code::kFailedPrecondition;
    case EINTR:
    case EAGAIN:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
      return Code::kUnavailable;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
      return Code::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
      return Code::kInvalidArgument;
    case ERANGE:
      return Code::kOutOfRange;
    case EILSEQ:
    case EBADMSG:
      return Code::kDataLoss;
    default:
      return Code::kInternal;
  }
}

std::string ToString(const absl::Cord& cord) {
  return std::string(cord);
}

}  // namespace

Status MakeStatus(Code code, std::string_view message, SourceLocation where) {
  Status status(code, absl::string_view(message.data(), message.size()));
  if (!status.ok()) {
    status.SetPayload(kWherePayload, absl::Cord(Cat(where.file, ":", where.line)));
  }
  return status;
}

Status InvalidArgument(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kInvalidArgument, message, where);
}

Status Unauthenticated(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kUnauthenticated, message, where);
}

Status PermissionDenied(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kPermissionDenied, message, where);
}

Status NotFound(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kNotFound, message, where);
}

Status Unavailable(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kUnavailable, message, where);
}

Status DataLoss(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kDataLoss, message, where);
}

Status AlreadyExists(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kAlreadyExists, message, where);
}

Status Aborted(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kAborted, message, where);
}

Status FailedPrecondition(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kFailedPrecondition, message, where);
}

Status OutOfRange(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kOutOfRange, message, where);
}

Status ResourceExhausted(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kResourceExhausted, message, where);
}

Status DeadlineExceeded(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kDeadlineExceeded, message, where);
}

Status Cancelled(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kCancelled, message, where);
}

Status Unimplemented(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kUnimplemented, message, where);
}

Status Internal(std::string_view message, SourceLocation where) {
  return MakeStatus(Code::kInternal, message, where);
}

Status FromErrno(int error, std::string_view message, SourceLocation where) {
  // The GNU form of strerror_r: thread safe, may ignore the buffer.
  char buffer[128];
  return MakeStatus(CodeFromErrno(error),
                    Cat(message, ": ", ::strerror_r(error, buffer, sizeof buffer)), where);
}

bool IsTransient(const Status& status) {
  switch (status.code()) {
    case Code::kUnavailable:
    case Code::kAborted:
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
      return true;
    default:
      return false;
  }
}

std::string Message(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

std::string Where(const Status& status) {
  const auto payload = status.GetPayload(kWherePayload);
  return payload.has_value() ? ToString(*payload) : std::string();
}

std::string CodeName(Code code) {
  return absl::StatusCodeToString(code);
}

Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) {
    return status;
  }
  const std::string text = Cat(context, ": ", Message(status));
  Status annotated(status.code(), text);
  status.ForEachPayload([&annotated](absl::string_view type, const absl::Cord& payload) {
    annotated.SetPayload(type, payload);
  });
  return annotated;
}

void CheckFailed(const char* condition, SourceLocation where) {
  static_cast<void>(
      std::fprintf(stderr, "%s:%d: check failed: %s\n", where.file, where.line, condition));
  std::abort();
}

}  // namespace rbdcrypt
