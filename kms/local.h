// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "kms/registry.h"

namespace rbdcrypt::kms {

// Provider "local": KEKs in a ring in one file (kms/local_ring, kms/local_ring_file), DEKs wrapped
// in the image's metadata (kms/local_text). Needs no outside service; guards nothing against
// whoever reads that file, and loses everything with it: keep a backup apart from the data.
//
//   option            upper-case form           default   meaning
//   localKeyFile      LOCAL_KEY_FILE            required  absolute path of the ring
//   localKeyBits      LOCAL_KEY_BITS            "256"     AES length of a ring made by the next
//                                                         option: "128", "192", "256"
//   createIfMissing   LOCAL_CREATE_IF_MISSING   "false"   "true": the first wrap makes the ring
//   localDekBits      LOCAL_DEK_BITS            "256"     random bits of new DEKs: as localKeyBits
//
// All values are strings; an option not listed is refused, since a misspelt one would be silent.
// With createIfMissing, only wrapping makes a ring, never unwrapping: a node whose mount is missing
// must not invent one. It is off by default because a fresh ring on the wrong disk wraps new
// volumes with keys that nobody backs up; of two processes that create at once, one wins and both
// use its ring.
//
// The file is looked at when a DEK is wrapped or unwrapped, and read again whenever it changed: a
// rotated ring needs no restart, and volumes can be deleted without it.
ProviderFactory LocalProvider();

}  // namespace rbdcrypt::kms
