// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/context.h"
#include "base/handle.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// A connection to a QEMU program's monitor: the QEMU Machine Protocol, one JSON object a line, over
// a Unix socket (qemu docs/interop/qmp-spec.txt). Events are read and dropped. One thread per
// object; the monitor serves one connection at a time.
//
// No call waits for ever, whatever the context allows: 30 s for the peer to let us in, to greet and
// to read, 330 s for an answer, which opening an image may take; kUnavailable after that.
class QmpClient {
 public:
  // Connects and negotiates. kUnavailable: nobody listens, or what answers speaks no QMP.
  static Result<QmpClient> Connect(const Context& context, const std::string& socket_path);

  // The process that listens at the other end. kPermissionDenied: it belongs to another user.
  // kUnavailable: it is in a PID namespace that this process does not see into.
  Result<pid_t> PeerPid() const;

  // The value of "return". An error of qemu's comes with its text and the code that it means for a
  // volume (see ErrorFromQemu); a lost connection is kUnavailable.
  Result<Json> Execute(const Context& context, std::string_view command, const Json& arguments);

  // As Execute, for an "object-add" of a secret: `bytes` travel in base64 through wiped memory only
  // (safety E1), and qemu's words about it are not repeated.
  Status AddSecret(const Context& context, std::string_view id, const Secret& bytes);

 private:
  explicit QmpClient(UniqueFd socket);

  Status WaitUntil(const Context& context, Clock::TimePoint give_up, short events);
  Status Send(const Context& context, std::string_view bytes);
  Result<Json> ReadMessage(const Context& context, Clock::TimePoint give_up);
  Result<Json> ReadAnswer(const Context& context);

  UniqueFd socket_;
  // What was received and not yet taken as a line.
  std::string received_;
};

// The status for an error text of qemu's block layer while it does `command`; texts measured on
// 7.2: "encryption load fail: Operation not permitted" is kUnauthenticated (no keyslot opens),
// "encryption load fail: Invalid argument" kDataLoss (no usable header), "No such file or
// directory" and "does not exist" kNotFound, other refusals of permission kPermissionDenied,
// time-outs, want of memory and a negotiation undone kUnavailable; anything else kInternal.
Status ErrorFromQemu(std::string_view command, std::string_view text);

}  // namespace rbdcrypt::rbd::attach
