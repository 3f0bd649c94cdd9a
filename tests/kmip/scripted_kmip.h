// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "kmip/version.h"
#include "net/byte_stream.h"

namespace rbdcrypt::testing {

using Bytes = std::vector<std::byte>;

// What the other end does next, each seen by one Read().
struct Piece {
  enum class Kind {
    kBytes,
    // The stream ends in order.
    kEnd,
    // Nothing, until the reader's time is over: the clock is moved to there.
    kSilence,
    kError,
  };

  Kind kind = Kind::kBytes;
  Bytes bytes = {};
  Status error = {};
};

inline Piece Sends(Bytes bytes) {
  return {.kind = Piece::Kind::kBytes, .bytes = std::move(bytes)};
}

inline Piece Ends() {
  return {.kind = Piece::Kind::kEnd};
}

inline Piece IsSilent() {
  return {.kind = Piece::Kind::kSilence};
}

inline Piece Fails(Status error) {
  return {.kind = Piece::Kind::kError, .error = std::move(error)};
}

// A whole Response Message to `request`; `write_item` writes what follows the item's ID.
Bytes AnswerTo(const kmip::TtlvView& request,
               const std::function<void(kmip::TtlvWriter& item)>& write_item);
Bytes SuccessTo(const kmip::TtlvView& request);
Bytes FailureTo(const kmip::TtlvView& request, kmip::ResultReason reason);

// One server at the other end of streams in memory, at the level of bytes: to each request it does
// what it is told to. Thread safe but for the telling, which comes before its use.
class ScriptedKmip {
 public:
  using Reply = std::function<std::vector<Piece>(const kmip::TtlvView& request)>;

  // Answers every request with success until told otherwise.
  ScriptedKmip();

  // What it does about each request.
  Reply reply;
  // What a dial and a write come to, beside that.
  std::function<Status()> on_dial = [] { return OkStatus(); };
  std::function<Status()> on_write = [] { return OkStatus(); };
  // Whether its streams look as if they could be used.
  std::atomic<bool> is_quiet = true;

  // A dialer to it, which it must outlive.
  std::unique_ptr<net::Dialer> Dialer(std::string address = "kmip.example:5696");

  int dials() const { return dials_; }

  // Streams that are open now, and the most there ever were.
  int open() const { return open_; }

  int most_open() const { return most_open_; }

  int requests() const { return requests_; }

 private:
  class Stream;
  class DialerToIt;

  std::atomic<int> dials_ = 0;
  std::atomic<int> open_ = 0;
  std::atomic<int> most_open_ = 0;
  std::atomic<int> requests_ = 0;
};

}  // namespace rbdcrypt::testing
