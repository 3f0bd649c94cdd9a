// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/version.h"
#include "net/byte_stream.h"

namespace rbdcrypt::kmip {

// One stream to one server, over which one question is asked at a time. It never gets in step
// again: after anything but a whole, well-formed answer to the last question it is of no more use.
// Not thread safe.
class Connection {
 public:
  // Of a whole message each: a peer that sends a byte now and then gains no time by it.
  struct Timeouts {
    std::chrono::milliseconds write;
    std::chrono::milliseconds read;
  };

  enum class State {
    // Can be asked on.
    kGood,
    // Ended, or lost, before a byte of the last question's answer came: as a server or a firewall
    // does to a connection that was idle for long.
    kLost,
    // Of no use for another reason.
    kBroken,
  };

  // `server` for texts: "kmip.example:5696". `now` is when the stream was made.
  Connection(std::unique_ptr<net::ByteStream> stream,
             std::string server,
             Timeouts timeouts,
             Clock::TimePoint now);

  // Sends `request` in one write, and waits for its one answer. Only while the state is kGood.
  //
  //   what the server says  as FromReason() (kmip/reasons.h); with a reason, the state stays kGood
  //   kUnavailable          ended, lost, or no whole message in time, in either direction
  //   kInvalidArgument      the server refuses our certificate
  //   kDataLoss             without a reason: the answer is malformed, longer than
  //   kMaxMessageBytes,
  //                         or to another question (kmip.md 15)
  //   kInternal             no randomness for the message
  //   kDeadlineExceeded, kCancelled   the caller's
  //
  // Texts name the server. Marked by net::NeverArrived() where the request did not go out whole, or
  // the stream says so, as where the server refuses to speak to us at all.
  Result<Answer> Ask(const Context& context, const Request& request, Version version);

  State state() const { return state_; }

  // Whether any question was answered, be it by an error.
  bool has_answered() const { return has_answered_; }

  // When the last answer came; without one, when the stream was made.
  Clock::TimePoint used_at() const { return used_at_; }

  // Whether it looks as if it could be asked on: kGood, not ended, no byte that nobody asked for.
  bool IsQuiet() { return state_ == State::kGood && stream_->IsQuiet(); }

 private:
  Status Send(const Context& context, const Secret& message);
  Result<Secret> Receive(const Context& context);
  Status Fill(const Context& context, std::span<std::byte> buffer);
  Result<Answer> Accept(Result<Answer> answer, Clock::TimePoint now);
  void Blame(const Status& status);

  const std::unique_ptr<net::ByteStream> stream_;
  const std::string server_;
  const Timeouts timeouts_;
  State state_ = State::kGood;
  bool has_answered_ = false;
  // Whether any byte of the present answer came.
  bool has_begun_ = false;
  Clock::TimePoint used_at_;
};

}  // namespace rbdcrypt::kmip
