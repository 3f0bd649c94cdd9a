// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// One server during one piece of work: a connection of its own, the version agreed upon there. One
// thread at a time.
class Session {
 public:
  virtual ~Session() = default;

  // Sends `request` and waits for its answer, each within the limit of ClientOptions. After an
  // error of the connection the session is of no more use, and says that error again.
  //
  //   what the server says  as FromReason() (kmip/reasons.h); the session can be asked on
  //   kUnavailable          connection lost, no whole answer in time, or one that is malformed or
  //                         to another question: it tells nothing of the key
  //   kInvalidArgument      the server refuses our certificate
  //   kDeadlineExceeded, kCancelled   the caller's
  //
  // net::MayHaveArrived() of an error is false only if nothing that this session asked can have
  // been acted upon.
  virtual Result<Answer> Ask(const Context& context, const Request& request) = 0;

  virtual Version version() const = 0;

  // "kmip.example:5696": for texts, and to remember by what was learnt of this server.
  virtual const std::string& server() const = 0;
};

// What a caller does with a session; see Client::Run().
using Work = std::function<Status(Session& session)>;

}  // namespace rbdcrypt::kmip
