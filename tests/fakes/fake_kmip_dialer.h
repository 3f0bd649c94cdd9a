// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "net/byte_stream.h"
#include "tests/fakes/fake_kmip.h"

namespace rbdcrypt::testing {

// Connections in memory to a FakeKmip, which break when they are told to. Thread safe; must outlive
// its streams, and the server must outlive it.
class FakeKmipDialer final : public net::Dialer {
 public:
  enum class DialFault {
    // kUnavailable.
    kRefused,
    // No handshake before the deadline; waits for it.
    kSilent,
    // kInvalidArgument: the server's certificate does not verify.
    kWrongCertificate,
    // kInvalidArgument: the server refuses ours.
    kRefusesOurs,
    // kDataLoss: no TLS.
    kNoTls,
  };

  enum class Fault {
    // Sending fails; the server does not get it.
    kWriteFails,
    // Sent, but the server had closed: Read() gives 0. It does not get it.
    kClosedBefore,
    // As kClosedBefore, but Read() says that our certificate is refused (TLS 1.3).
    kRefusesOurs,
    // The server acts, and the connection is lost before its answer.
    kLostAfter,
    // The server acts and closes in order.
    kClosedAfter,
    // Half the answer, then 0.
    kHalfAnswer,
    // The answer comes byte by byte, each a second of the context's clock after the other.
    kDrips,
    // The server acts, and nothing comes until the caller's limit.
    kSilent,
  };

  FakeKmipDialer(std::string address, FakeKmip& server)
      : address_(std::move(address)), server_(server) {}

  Result<std::unique_ptr<net::ByteStream>> Dial(const Context& context) override;

  const std::string& address() const override { return address_; }

  // The `nth` dial from now (1: the next).
  void FailDial(int nth, DialFault fault);
  // Each dial, until it is told nullopt.
  void FailDials(std::optional<DialFault> fault);
  // The `nth` request from now, over whatever stream.
  void FailRequest(int nth, Fault fault);
  // Each request, until it is told nullopt.
  void FailRequests(std::optional<Fault> fault);

  // The server ends all streams that are open now; IsQuiet() sees that.
  void CloseStreams();
  // Down: streams are lost, dials refused. Up: dials succeed again.
  void SetDown(bool is_down);

  // So far, failed ones included.
  int dials() const;
  // Streams that exist now, whether the server ended them or not.
  int open_streams() const;
  // Messages that came in more than one Write(): PyKMIP loses its place over them (kmip.md 17).
  int split_messages() const;

 private:
  class Stream;

  // `era` becomes the present one.
  std::optional<DialFault> CountDial(int& era);
  std::optional<Fault> CountRequest();
  // Whether the server ended what was dialled in that era.
  bool HasEnded(int era) const;
  void Opened();
  void Closed();
  void CountSplit();

  const std::string address_;
  FakeKmip& server_;
  mutable absl::Mutex mutex_;
  int dials_ ABSL_GUARDED_BY(mutex_) = 0;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  int split_ ABSL_GUARDED_BY(mutex_) = 0;
  // Grows with each end of all streams.
  int era_ ABSL_GUARDED_BY(mutex_) = 0;
  // By number of the dial or request.
  std::map<int, DialFault> dial_faults_ ABSL_GUARDED_BY(mutex_);
  std::map<int, Fault> faults_ ABSL_GUARDED_BY(mutex_);
  std::optional<DialFault> every_dial_ ABSL_GUARDED_BY(mutex_);
  std::optional<Fault> every_request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
