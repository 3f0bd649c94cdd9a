// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/version_agreement.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/strings.h"
#include "kmip/operations.h"
#include "kmip/reasons.h"

namespace rbdcrypt::kmip {
namespace {

constexpr Version kFirst{.major = 1, .minor = 0};

// The order of kmip.md 7, with 2.1 as the last resort.
constexpr std::array<Version, 4> kHeaders = {
    Version{.major = 1, .minor = 4},
    Version{.major = 1, .minor = 2},
    kFirst,
    Version{.major = 2, .minor = 1},
};

// Whether another header may do better.
bool IsOfTheHeader(const Status& status) {
  return RetryClassOf(status) == RetryClass::kRenegotiate ||
         ReasonOf(status) == ResultReason::kOperationNotSupported;
}

std::string TextOf(const std::vector<Version>& versions) {
  std::string text;
  for (const Version& version : versions) {
    text += Cat(text.empty() ? "" : ", ", version.Text());
  }
  return text.empty() ? "none" : text;
}

Result<Version> Choose(const std::vector<Version>& named) {
  const std::vector<Version>& known = KnownVersions();
  for (const Version& version : named) {
    if (std::ranges::find(known, version) != known.end()) {
      return version;
    }
  }
  return FailedPrecondition(Cat("no version of KMIP in common: the server names ", TextOf(named),
                                ", this driver speaks ", TextOf(known)));
}

Result<Version> AskUnder(Version header, const Asker& ask) {
  if (header == kFirst) {
    RETURN_IF_ERROR(ask(header, QueryRequest()).status());
    return header;
  }
  ASSIGN_OR_RETURN(const Answer answer, ask(header, DiscoverVersionsRequest(KnownVersions())));
  ASSIGN_OR_RETURN(const std::vector<Version> named, ReadVersions(answer));
  return Choose(named);
}

}  // namespace

Result<Version> AgreeOnVersion(const Asker& ask) {
  std::string last;
  for (const Version header : kHeaders) {
    const Result<Version> version = AskUnder(header, ask);
    if (version.ok() || !IsOfTheHeader(version.status())) {
      return version;
    }
    last = Message(version.status());
  }
  return FailedPrecondition(
      Cat("no version of KMIP in common: the server takes neither Discover Versions nor a Query (",
          last, ")"));
}

}  // namespace rbdcrypt::kmip
