// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <netdb.h>

#include "base/context.h"
#include "base/handle.h"
#include "base/status.h"
#include "net/endpoint.h"

namespace rbdcrypt::net {

// A list as getaddrinfo() makes it, linked by ai_next.
using AddressList = CHandle<addrinfo, freeaddrinfo>;

// The stream addresses of an endpoint, at least one, in the order to try them in (RFC 6724). Thread
// safe.
//
// getaddrinfo() cannot be interrupted, so names are resolved in a thread of its own, which is left
// behind where the context ends first: it ends by the resolver's own time-outs (resolv.conf(5):
// attempts times timeout for each server, 20 s for two by default). Addresses need neither.
//
// kUnavailable: the name has no address, the resolver does not answer, or there is no thread.
// kDeadlineExceeded, kCancelled: the context's.
Result<AddressList> Resolve(const Context& context, const Endpoint& endpoint);

// Likewise, of a name, by another function of that form; for tests.
Result<AddressList> ResolveBy(decltype(&getaddrinfo) ask,
                              const Context& context,
                              const Endpoint& endpoint);

}  // namespace rbdcrypt::net
