// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "kmip/family.h"
#include "kms/key_admin.h"

namespace rbdcrypt::kmip {

// Making and destroying KEKs at a KMIP server, by Locate, Create, Activate, Get Attributes, Revoke
// and Destroy. `place`: where the entry has UNIQUE_IDENTIFIER, for the next step.
//
// CreateKey   a crash after       leaves                      the next run
//             Locate              nothing                     makes the key
//             Create              a key in state Pre-Active   kAlreadyExists, with its identifier
//             and
//                                                             state; it wraps nothing: destroy it,
//                                                             or take another name
//             Activate            the key, unused             kAlreadyExists: put it into the entry
//
// DestroyKey  Revoke              the key, deactivated        destroys it
//             Destroy             nothing                     kNotFound, or OK of a server that
//                                                             remembers destroyed keys
//
// None of these steps is idempotent for a server (kmip.md 13). So where the answer to one is lost,
// Locate or Get Attributes say what became of it, and only a step that is known not to have
// happened is taken again, once. In the end a new key is the only one of its name, or the error
// names all: two that create at once, or a Create that arrives late, are found out.
//
// IsWrappedBy tells by the text, where that names its key. Of ceph-csi's, which does not, it tries
// `key_id`, and then the entry's own: one that opens it to printable text wrapped it, for a wrong
// key gives no padding in 255 of 256 cases and no such text in the rest. Where neither does, it is
// kFailedPrecondition: a third key, or damage.
std::unique_ptr<kms::KeyAdmin> MakeKeyAdmin(std::shared_ptr<const OpenedEntry> entry,
                                            std::string place);

}  // namespace rbdcrypt::kmip
