// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/status.h"

namespace rbdcrypt::kmip {

// What a question to a server came to, and so what follows (kmip.md 13 to 15). Whether the same may
// be asked again at all is another matter: nothing that may have happened is, unless idempotent.
//
//   verdict        errors                                        what follows
//   kFine          none                                          use the answer
//   kFinal         a reason that is permanent; anything else     report
//   kGivenUp       the caller's deadline, cancelled              report at once
//   kTransient     a reason that is transient                    next server, rounds
//   kUnreachable   no connection, lost, no whole answer in time  next server, rounds
//   kMalformed     no KMIP, or an answer to another question     next server, this one once more
//   kAmbiguous     General Failure, a reason that nobody knows   once more in all
//   kRenegotiate   the version may be to blame                   agree upon one anew, once
//   kRefused       certificates, Authentication Not Successful,  next server, this one not again
//                  no version in common
//   kNotNow        the breaker is open, no connection to spare   next server, rounds if not all so
//
// A malformed answer says nothing of the key, so it is no damage of it. It may be a late answer
// that some proxy gave to the wrong connection, which a new connection is free of; hence the second
// chance. A server that does it twice is none of ours, and is shown no third request.
enum class Verdict {
  kFine,
  kFinal,
  kGivenUp,
  kTransient,
  kUnreachable,
  kMalformed,
  kAmbiguous,
  kRenegotiate,
  kRefused,
  kNotNow,
};

// Of what a Connection, a Dialer or AgreeOnVersion() returned; never kNotNow.
Verdict VerdictOf(const Status& status);

// The error as callers see it: that of a malformed answer becomes kUnavailable, as for a server
// that is down, since kDataLoss would say that a key is damaged (base/status.h).
Status ForCaller(const Status& status);

}  // namespace rbdcrypt::kmip
