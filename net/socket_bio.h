// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>

#include <openssl/bio.h>

#include "base/handle.h"

namespace rbdcrypt::net {

// A non-blocking socket under OpenSSL. OpenSSL's own BIO for sockets writes without MSG_NOSIGNAL,
// and a connection that the peer closed would end the process with SIGPIPE. One thread at a time.
struct BioSocket {
  UniqueFd fd;
  // errno of the last send or receive that failed otherwise than by EAGAIN; 0 if none did.
  int error = 0;
  // The peer has ended the connection, below TLS.
  bool is_at_end = false;
  // The last receive found nothing: all that came so far is with OpenSSL.
  bool is_drained = false;
  // Bytes that are received before OpenSSL is told that there are no more for now; for the caller
  // to set before each call. OpenSSL by itself goes on for as long as a peer sends what carries no
  // data (new keys, tickets, wishes to renegotiate), past any deadline.
  std::size_t allowance = 0;
};

// A BIO over `socket`, which stays the caller's and must outlive it. Null where memory is short.
CHandle<BIO, BIO_free> NewSocketBio(BioSocket& socket);

}  // namespace rbdcrypt::net
