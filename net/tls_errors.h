// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::net {

// How TLS connections fail, in the words that all clients here use. `server` is the address, which
// begins each text.

// Whether a fatal alert (RFC 8446, section 6.2) says: not with what this client is or offers. Such
// a server reads no request. Any other alert is the server's own trouble.
bool IsRefusal(int alert);

// kInvalidArgument: the server ended the handshake with an alert that IsRefusal().
Status Refused(std::string_view server, int alert);

// kInvalidArgument: the server's certificate does not verify; `why` as OpenSSL says it.
Status Unverified(std::string_view server, std::string_view why);

// kInvalidArgument, if the last error in OpenSSL's queue is of what both sides offer: no version in
// common, or a key that is too weak. kDataLoss, if it is any other: what came is no TLS. Empties
// the queue.
Status FromTlsProtocolError(std::string_view server);

// The reason of the last error in OpenSSL's queue, or "" where that is empty; empties it. Holds
// nothing of the data that was worked on.
std::string TakeOpenSslReason();

}  // namespace rbdcrypt::net
