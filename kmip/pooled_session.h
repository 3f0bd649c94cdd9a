// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <cstddef>
#include <string>

#include "base/context.h"
#include "base/status.h"
#include "kmip/pool.h"
#include "kmip/session.h"
#include "kmip/verdict.h"

namespace rbdcrypt::kmip {

// A session over a connection of a pool, and what must be known of it when its work has failed.
//
// A connection that was of use before, and turns out to be lost before a byte of the next answer
// came, is replaced by a new one, once: servers and firewalls end idle connections, so that is no
// failure (kmip.md 14). But a request that is not idempotent is sent a second time only where the
// first did not go out whole. Not thread safe.
class PooledSession final : public Session {
 public:
  // `limit` holds for all that is asked, beside the contexts given. `requests` counts the messages
  // sent. All that is referred to must outlive the session.
  PooledSession(const std::string& server,
                Pool& pool,
                Pool::Lease lease,
                const Context& limit,
                std::atomic<std::size_t>& requests);

  // Asks under that version, and notes nothing: for the agreement upon one. Errors as
  // Connection::Ask().
  Result<Answer> AskUnder(Version version, const Context& context, const Request& request);

  // Work begins, in that version.
  void Begin(Version version);

  Result<Answer> Ask(const Context& context, const Request& request) override;

  Version version() const override { return version_; }

  const std::string& server() const override { return server_; }

  // What the last Ask() since Begin() came to; kFine before the first.
  Verdict verdict() const { return verdict_; }

  // Whether anything that Ask() sent may have been acted upon.
  bool may_have_arrived() const { return may_have_arrived_; }

  // Whether all of that may be asked again.
  bool is_repeatable() const { return is_repeatable_; }

 private:
  struct Sent {
    Result<Answer> answer;
    bool may_have_arrived;
  };

  Sent Send(const Context& context, const Request& request, Version version);
  Sent SendOnce(const Context& context, const Request& request, Version version);
  Sent SendAgain(const Context& context,
                 const Request& request,
                 Version version,
                 bool may_have_arrived);

  const std::string& server_;
  Pool& pool_;
  Pool::Lease lease_;
  const Context limit_;
  std::atomic<std::size_t>& requests_;
  Version version_;
  Verdict verdict_ = Verdict::kFine;
  bool may_have_arrived_ = false;
  bool is_repeatable_ = true;
  // What the connection ended with, once it did.
  Status end_;
};

}  // namespace rbdcrypt::kmip
