// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/verdict.h"

#include "kmip/reasons.h"
#include "kmip/tags.h"

namespace rbdcrypt::kmip {
namespace {

Verdict VerdictOfReason(ResultReason reason, RetryClass retry) {
  if (reason == ResultReason::kAuthenticationNotSuccessful) {
    return Verdict::kRefused;
  }
  switch (retry) {
    case RetryClass::kTransient:
      return Verdict::kTransient;
    case RetryClass::kAmbiguous:
      return Verdict::kAmbiguous;
    case RetryClass::kRenegotiate:
      return Verdict::kRenegotiate;
    case RetryClass::kPermanent:
      break;
  }
  return Verdict::kFinal;
}

}  // namespace

Verdict VerdictOf(const Status& status) {
  if (const auto reason = ReasonOf(status); reason.has_value()) {
    return VerdictOfReason(*reason, RetryClassOf(status));
  }
  switch (status.code()) {
    case Code::kOk:
      return Verdict::kFine;
    case Code::kDeadlineExceeded:
    case Code::kCancelled:
      return Verdict::kGivenUp;
    case Code::kUnavailable:
      return Verdict::kUnreachable;
    case Code::kDataLoss:
      return Verdict::kMalformed;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return Verdict::kRefused;
    default:
      return Verdict::kFinal;
  }
}

Status ForCaller(const Status& status) {
  return VerdictOf(status) == Verdict::kMalformed ? Unavailable(Message(status)) : status;
}

}  // namespace rbdcrypt::kmip
