// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/kms.h"
#include "rbd/image.h"
#include "rbd/luks/header.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {

// What the image's metadata says (ceph-csi-compat 5.1): nothing, a DEK is stored, or formatted.
enum class EncryptionState { kNone, kPrepared, kEncrypted };

// The state of an image, older key name included. Never writes, unlike ceph-csi's reads.
// kDataLoss: a value that neither driver writes.
Result<EncryptionState> ReadEncryptionState(Image& image);

// A DEK that was proven to open the header.
struct ProvenDek {
  Secret dek;
  int keyslot = 0;
  // It was the previous DEK that opened: a lagging mirror, a rollback, a raw snapshot.
  bool is_previous = false;
};

// One encrypted volume: where its DEK is, and whether header and DEK belong together.
//
// Formatting, in this order; every step is repeatable, and a DEK or header that a crash left is
// taken up again (safety A1, A2, B2):
//
//   a crash after                left behind                         the next Format
//   lock.holder-record           blank image, a holder record        fences, starts over
//   create.dek                   DEK, no state                       uses the stored DEK
//   create.state-prepared        DEK, "encryptionPrepared"           the same, as from ceph-csi
//   create.header-uuid           and the UUID of the header to come  new header of the same UUID
//   header.*                     part of a header of that UUID       writes it again
//   header.second-copy           whole header                        proves it, goes on
//   create.state-encrypted       finished, a holder record           nothing to do
//   lock.record-cleared          finished                            nothing to do
//
// One thread per object; all references must outlive it.
class EncryptedVolume {
 public:
  EncryptedVolume(Image& image, kms::Kms& kms, std::string volume_id);

  // Whether this very call created the image: then nothing can be behind the header.
  enum class Origin { kCreatedNow, kFound };

  // Stores a DEK if none is, writes the header, proves it and sets the state `encrypted`; does only
  // what is missing. Needs the lock, held.
  // kFailedPrecondition: the image is open elsewhere, has a snapshot, or holds data that formatting
  // would destroy. kUnauthenticated: it holds data behind a header that no stored DEK opens.
  // kDataLoss: the state is `encrypted` but the header is zero or damaged. Errors of the KMS as
  // they come; after any of them nothing is lost and the call can be repeated.
  Status Format(const Context& context,
                VolumeLock& lock,
                const luks::FormatOptions& options,
                Origin origin);

  // The DEK that opens the header: the current one, else (after both were read once more, for a
  // rotation may have ended in between) the previous one. Only for state `encrypted`.
  // kUnauthenticated: neither opens it. kNotFound: the store has none. kDataLoss: no usable header.
  Result<ProvenDek> Open(const Context& context);

  // Forgets the DEKs in the key manager; those in the metadata go with the image.
  Status RemoveDek(const Context& context);

 private:
  Result<Secret> StoredOrNewDek(const Context& context);
  Result<Secret> CreateDek(const Context& context);
  Status CheckBlank(const Context& context, const Secret& dek, Origin origin);
  Status CheckNobodyElse();
  Status WriteHeader(const Context& context,
                     VolumeLock& lock,
                     const Secret& dek,
                     const luks::FormatOptions& options);
  Result<ProvenDek> OpenWith(const Context& context, kms::StoredDek stored, bool is_previous);
  std::string Named(std::string_view text) const;

  Image& image_;
  kms::Kms& kms_;
  std::string volume_id_;
  // Set where the KMS only wraps.
  std::unique_ptr<kms::DekStore> metadata_store_;
  kms::DekStore& store_;
};

}  // namespace rbdcrypt::rbd
