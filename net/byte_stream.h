// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::net {

// A connection that carries bytes both ways, encrypted to a server whose name was checked. One
// thread at a time.
//
// Every call ends by the context's deadline, and within 100 ms of its cancellation, whatever the
// peer does; after an error the stream is of no more use. Errors:
//
//   kUnavailable       connection lost
//   kDeadlineExceeded, kCancelled   the caller's limit came first
//   kInvalidArgument   the server refuses our certificate: in TLS 1.3 one learns of that only when
//                      one reads. Marked with NeverArrived() (net/arrival.h), for it read nothing
//   kDataLoss          what came is no TLS, or asks to renegotiate
//
// The text names the server's address.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Sends all of it. OK says that the operating system took it, not that the server did; after an
  // error the server cannot have got the end of it.
  virtual Status Write(const Context& context, std::span<const std::byte> bytes) = 0;

  // Waits for some bytes, at least one, into a buffer that is not empty; returns how many. 0: the
  // server ended the stream in order.
  virtual Result<std::size_t> Read(const Context& context, std::span<std::byte> buffer) = 0;

  // Whether nothing speaks against using it again: not ended, and no bytes that nobody asked for.
  // Does not block and sends no data.
  virtual bool IsQuiet() = 0;
};

// Makes streams to one server. Thread safe.
class Dialer {
 public:
  virtual ~Dialer() = default;

  // A new stream, its handshake done. Errors are marked with NeverArrived() (net/arrival.h):
  //
  //   kUnavailable       no name, nobody listening, no handshake in time
  //   kInvalidArgument   the server's certificate does not verify (wrong CA, other name, expired),
  //                      it refused ours, or no TLS version or cipher in common
  //   kDataLoss          what answered speaks no TLS
  //   kDeadlineExceeded, kCancelled
  virtual Result<std::unique_ptr<ByteStream>> Dial(const Context& context) = 0;

  // "kmip.example:5696", for texts.
  virtual const std::string& address() const = 0;
};

}  // namespace rbdcrypt::net
