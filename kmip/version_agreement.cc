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

// The order of kmip.md 7, then the others, newest first.
constexpr std::array kHeaders = {
    Version{.major = 1, .minor = 4},
    Version{.major = 1, .minor = 2},
    kFirst,
    Version{.major = 2, .minor = 1},
    Version{.major = 2, .minor = 0},
    Version{.major = 1, .minor = 3},
    Version{.major = 1, .minor = 1},
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

Result<Version> Choose(const std::string& server, const std::vector<Version>& named) {
  const std::vector<Version>& known = KnownVersions();
  // Newest first, in whatever order the server names them.
  for (const Version& version : known) {
    if (std::ranges::find(named, version) != named.end()) {
      return version;
    }
  }
  return FailedPrecondition(Cat(server, ": no version of KMIP in common: the server names ",
                                TextOf(named), ", this driver speaks ", TextOf(known)));
}

Result<Version> AskUnder(Version header, const std::string& server, const Asker& ask) {
  if (header == kFirst) {
    RETURN_IF_ERROR(ask(header, QueryRequest()).status());
    return header;
  }
  ASSIGN_OR_RETURN(const Answer answer, ask(header, DiscoverVersionsRequest(KnownVersions())));
  ASSIGN_OR_RETURN(const std::vector<Version> named, ReadVersions(answer));
  return Choose(server, named);
}

}  // namespace

Result<Version> AgreeOnVersion(const std::string& server, const Asker& ask) {
  std::string last;
  for (const Version header : kHeaders) {
    const Result<Version> version = AskUnder(header, server, ask);
    if (version.ok() || !IsOfTheHeader(version.status())) {
      return version;
    }
    last = Message(version.status());
  }
  return FailedPrecondition(Cat(
      server,
      ": no version of KMIP in common: the server takes neither Discover Versions nor a Query (",
      last, ")"));
}

}  // namespace rbdcrypt::kmip
