// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/kms.h"
#include "rbd/image.h"
#include "rbd/luks/header.h"
#include "rbd/volume_dek_store.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {

// What the image's metadata says (ceph-csi-compat 5.1): nothing, a DEK is stored, or formatted.
enum class EncryptionState { kNone, kPrepared, kEncrypted };

// The state of an image, older key name included. Never writes, unlike ceph-csi's reads.
// kDataLoss: a value that neither driver writes.
Result<EncryptionState> ReadEncryptionState(Image& image);

// The same of the value itself, "" where there is none.
Result<EncryptionState> ParseEncryptionState(std::string_view text, std::string_view image_id);

// A DEK that was proven to open the header, and what of the header a mapper must know.
struct OpenedHeader {
  Secret dek;
  int keyslot = 0;
  // It was the previous DEK that opened: a lagging mirror, a rollback, a raw snapshot.
  bool is_previous = false;
  // Of the data: "aes-xts-plain64", 512.
  std::string cipher;
  std::uint32_t sector_bytes = 0;
  std::uint64_t data_offset_bytes = 0;
  // What deriving the slot's key takes: for the memory gate of whoever opens it again (safety E5).
  std::uint64_t kdf_memory_bytes = 0;
  // The most that any usable slot takes: for an opener that tries them all.
  std::uint64_t max_kdf_memory_bytes = 0;
};

// One encrypted volume: where its DEK is, and whether header and DEK belong together.
//
// Formatting, in this order; every step is repeatable, and a DEK or header that a crash left is
// taken up again (safety A1, A2, B2):
//
//   a crash after                left behind                         the next Format
//   lock.acquired                blank image, the lock               fences, starts over
//   create.dek-announced         see rbd/first_dek.h
//   create.dek                   DEK, no state                       uses the stored DEK
//   create.state-prepared        DEK, "encryptionPrepared"           the same, as from ceph-csi
//   create.header-uuid           and the UUID of the header to come  new header of the same UUID
//   header.*                     part of a header of that UUID       writes it again
//   header.whole, .second-copy   whole header                        proves it, goes on
//   create.dek-settled           the same                            the same
//   create.state-encrypted       finished, the lock                  nothing to do
//
// The UUID of the header to come is recorded before the header is written, so that what a crash
// leaves of one is known for ours: with the state where the caller has just made the image, for
// there a header will be written; elsewhere once it is known that one is needed.
//
// One thread per object; all references must outlive it.
class EncryptedVolume {
 public:
  EncryptedVolume(Image& image, kms::Kms& kms, std::string volume_id);

  // Whether this very call created the image: then nothing can be behind the header.
  enum class Origin { kCreatedNow, kFound };

  // Stores a DEK if none is, writes the header, proves it and sets the state `encrypted`; does only
  // what is missing. Needs the lock, held.
  // kAborted: the image is open elsewhere, or the lock was lost. kFailedPrecondition: it has a
  // snapshot, or holds data that formatting would destroy. kDataLoss: the state is `encrypted` but
  // the header is zero or damaged. Errors of the KMS as they come; after any of them nothing is
  // lost and the call can be repeated.
  Status Format(const Context& context,
                VolumeLock& lock,
                const luks::CipherSpec& cipher,
                Origin origin);

  // Opens the header with the current DEK, else (after both were read once more, for a rotation may
  // have ended in between) with the previous one. Only for state `encrypted`.
  // kUnauthenticated: neither opens it. kNotFound: the store has none. kDataLoss: no usable header.
  Result<OpenedHeader> Open(const Context& context);

  // The two halves of Open(), for who must tell a key manager's errors from those of the header.
  // The first gives the current DEK: errors of the store as they come. The second takes that one.
  Result<Secret> FetchDek(const Context& context);
  Result<OpenedHeader> OpenFetched(const Context& context, Secret dek);

  // Whether the store has the DEK before the current one. Errors of the store as they come.
  Result<bool> HasPreviousDek(const Context& context);

 private:
  Status CheckNobodyElse();
  Status MarkPrepared(Origin origin);
  Status MarkEncrypted(const Context& context);
  Result<luks::Inspection> InspectImage(const Context& context, Origin origin);
  Result<std::string> RecordedUuid();
  Result<bool> NeedsHeader(const Context& context,
                           const luks::Inspection& found,
                           const Secret& dek,
                           Origin origin);
  Status CheckReplaceable(const Context& context, const luks::Inspection& found);
  Status CheckNoData(std::uint64_t from_bytes);
  Status WriteHeader(const Context& context,
                     VolumeLock& lock,
                     const luks::Inspection& found,
                     const luks::CipherSpec& cipher,
                     const Secret& dek);
  Result<OpenedHeader> OpenWithCurrent(const Context& context);
  Result<OpenedHeader> OpenWithPrevious(const Context& context);
  Result<bool> OpensWithPrevious(const Context& context);
  Result<OpenedHeader> OpenWith(const Context& context, Secret dek);
  std::string Named(std::string_view text) const;

  Image& image_;
  kms::Kms& kms_;
  std::string volume_id_;
  VolumeDekStore store_;
};

}  // namespace rbdcrypt::rbd
