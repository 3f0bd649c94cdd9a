// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include <netdb.h>

#include "base/context.h"
#include "base/handle.h"
#include "base/status.h"
#include "net/endpoint.h"

namespace rbdcrypt::net {

// Waits until poll(2) tells one of `events`, or an error or the end, of a non-blocking socket.
// `next` says what is waited for, for texts. Ends by the context's deadline and within 100 ms of
// its cancellation: kDeadlineExceeded, kCancelled.
Status AwaitSocket(const Context& context, int socket, short events, std::string_view next);

// A TCP connection to the endpoint: non-blocking, closed on exec, without Nagle's delay, with
// keepalive. All addresses of a name are tried in turn, each with an equal share of the time left.
//
// kUnavailable: no address, or none that answers; the text has what each one said.
// kDeadlineExceeded, kCancelled: the context's.
Result<UniqueFd> ConnectTo(const Context& context, const Endpoint& endpoint);

// Likewise, to one of `addresses`, a list as getaddrinfo() makes it; `text` names them.
Result<UniqueFd> ConnectToAny(const Context& context,
                              const addrinfo* addresses,
                              std::string_view text);

}  // namespace rbdcrypt::net
