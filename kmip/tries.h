// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kmip/server.h"

namespace rbdcrypt::kmip {

// The tries of one call at the servers of a key manager: whether there is one to be made yet, at
// which servers, and what all of them came to. No I/O. Not thread safe.
class Tries {
 public:
  // The addresses of the servers.
  explicit Tries(const std::vector<std::string>& servers);

  // Whether that server may be tried (again).
  bool MayTry(std::size_t server) const { return !servers_[server].is_out; }

  // Whether another round over them may do better. Not if all are out, or were not even asked: then
  // the caller is not kept waiting. But one that was not while others failed may be let through to
  // by then, since just one call at a time finds out whether a server is back (kms/breaker.h).
  bool IsWorthARound() const;

  // What came of one at `server`. Whether the call ends with it.
  bool IsLast(std::size_t server, const Tried& tried);

  // The call ends, since its caller gave up.
  void GiveUp(const Status& status);

  // What the call came to, after at least one try. The outcome of what ended it; else, where there
  // is one server, its error; else one that names each with its own: kUnavailable, or, if all of
  // them refused us, the first one's. net::NeverArrived() only if nothing of any try
  // may have been acted upon.
  Status Outcome() const;

 private:
  struct State {
    std::string address;
    // It is tried no more.
    bool is_out = false;
    bool has_refused = false;
    bool was_asked = false;
    int malformed = 0;
    // Of its last try.
    Status status;
  };

  bool IsFinal(const Tried& tried);
  void Learn(State& server, const Tried& tried);
  Status Summary() const;
  std::string Failures() const;
  Status WithFailures(const Status& status) const;

  std::vector<State> servers_;
  std::optional<Status> end_;
  bool was_ambiguous_ = false;
  bool may_have_arrived_ = false;
};

}  // namespace rbdcrypt::kmip
