// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/luks/blank_header.h"
#include "rbd/luks/cipher.h"
#include "rbd/luks/crypt_device.h"
#include "rbd/luks/header_io.h"
#include "rbd/luks/inspect_image.h"
#include "rbd/luks/layout.h"
#include "rbd/luks/memory_gate.h"

namespace rbdcrypt::rbd::luks {

struct HeaderUpdate;

// The keyslots that are ours, as they are ceph-csi's (safety C): any other is an administrator's,
// reported and never touched.
inline constexpr int kOurKeyslots = 2;

struct FormatOptions {
  CipherSpec cipher = {};
  std::string uuid = {};  // "" for a random one
  KdfProfile kdf = KdfProfile::kRandomDek;
  // Whether anything but zeros may be written over. The caller has checked safety A2.
  bool replace_existing = false;
};

// The LUKS2 header of one image, edited in memory.
//
// Edits change a private copy; only WriteBack() touches the image, and a crash at any point of it
// leaves a header that every passphrase valid before, or every one valid after, still opens.
// WriteBack() commits by compare-and-swap on the header's version: kAborted if anyone else wrote
// since Load(). Passphrases and volume keys are never kept. One thread per object.
//
//   ASSIGN_OR_RETURN(Header header, Header::Load(context, io));
//   ASSIGN_OR_RETURN(const int slot, header.AddKeyslot(context, known, added));
//   RETURN_IF_ERROR(header.WriteBack(context, io));
class Header {
 public:
  // Reads and checks the header behind `io`. A copy that is damaged or stale is left so until
  // WriteBack(). kFailedPrecondition: no LUKS2 magic in either copy, a LUKS1 or a detached header.
  // kDataLoss: magic, but no copy that verifies, or one that libcryptsetup refuses or that reaches
  // beyond the image. Errors of `io` as they are.
  static Result<Header> Load(const Context& context,
                             HeaderIo& io,
                             MemoryGate& gate = MemoryGate::ForProcess());

  // A new header with a random volume key, which `passphrase` opens in slot 0. `found` is what the
  // image holds (InspectImage): WriteBack() fails with kAborted if that is no longer true.
  // kFailedPrecondition: `found` is not kEmpty and options.replace_existing is false.
  // kInvalidArgument: options.uuid is none, or `passphrase` is empty. kInternal: OpenSSL or
  // libcryptsetup refused, argon2id without enough memory included. kUnavailable,
  // kResourceExhausted: no memory for the copy.
  static Result<Header> Format(const Inspection& found,
                               const FormatOptions& options,
                               const Secret& passphrase,
                               MemoryGate& gate = MemoryGate::ForProcess());

  // Adds a slot that `added` opens and returns its number: 0 or 1. Uses no slot and no area that is
  // in use on the image, even if dropped here: write back first. A call that failed may leave the
  // slot in this copy: after any error throw the object away and load again.
  // kUnauthenticated: `known` opens no slot. kInvalidArgument: `added` is empty.
  // kResourceExhausted: neither slot is free. kFailedPrecondition: the header asks for something
  // that forbids edits (reencryption under way), has no usable slot, or the new area would lie over
  // one of the image's. kInternal: libcryptsetup refused. Of opening `known`: as TestPassphrase.
  Result<int> AddKeyslot(const Context& context,
                         const Secret& known,
                         const Secret& added,
                         KdfProfile kdf = KdfProfile::kRandomDek);

  // The number of the slot that `passphrase` opens. Tries the cheap ones first and the expensive
  // ones only if none of those opens; each passes the memory gate.
  // kUnauthenticated: it opens none. kFailedPrecondition: there is no usable slot at all.
  // kUnavailable, kResourceExhausted: no cheap slot opens and the gate refused another, or (the
  // first) the KDF got no memory. kCancelled, kDeadlineExceeded: before a slot, or at the gate.
  // kDataLoss: a volume key of an impossible size. kInternal: libcryptsetup failed otherwise.
  Result<int> TestPassphrase(const Context& context, const Secret& passphrase);

  // Whether `passphrase` opens `slot`; false for one that is free or holds no volume key. Errors as
  // TestPassphrase, but for kUnauthenticated and kFailedPrecondition.
  Result<bool> OpensSlot(const Context& context, const Secret& passphrase, int slot);

  // Drops slot 0 or 1. kInvalidArgument: another number. kNotFound: it is free.
  // kFailedPrecondition: it is the last usable slot, or edits are forbidden. kInternal:
  // libcryptsetup refused; load again.
  Status DropKeyslot(int slot);

  // The key that encrypts the data, for proofs and for dm-crypt. Errors as TestPassphrase.
  Result<Secret> VolumeKey(const Context& context, const Secret& passphrase);

  const std::string& uuid() const { return layout_.uuid; }

  std::uint64_t DataOffsetBytes() const { return layout_.DataOffsetBytes(); }

  // The header as edited. A keyslot's KDF and what it costs stand in layout().FindKeyslot(n)->kdf.
  const Layout& layout() const { return layout_; }

  // Puts the edits on the image, in the order of write_back.h. After an error, load again.
  // kAborted: somebody else wrote since the header was loaded; load again. kOutOfRange: the image
  // has no room for data behind the header; nothing was written. Errors of `io` as they are.
  Status WriteBack(const Context& context, HeaderIo& io);

 private:
  // The header on the image when it was loaded; copies as write_back.h compares them.
  struct Loaded {
    std::array<std::array<std::byte, HeaderIo::kSectorBytes>, 2> sectors{};
    std::array<bool, 2> is_current{};
    std::vector<int> keyslots;
    std::vector<ByteRange> areas;
  };

  // A slot that opened.
  struct Opened {
    int slot = 0;
    Secret volume_key;
  };

  Header(CryptDevice device, MemoryGate& gate) : device_(std::move(device)), gate_(&gate) {}

  Result<std::vector<std::byte>> ReadCopies() const;
  Status Refresh();
  Status CheckEditable() const;
  Status CheckSlotIsFresh(int slot) const;
  Result<int> FreeSlot() const;
  Result<std::optional<Secret>> OpenSlot(const Context& context,
                                         const Secret& passphrase,
                                         const Keyslot& slot);
  Result<Opened> Open(const Context& context, const Secret& passphrase);
  Result<HeaderUpdate> MakeUpdate() const;
  static Loaded Remember(const Inspection& found, std::uint64_t copy_bytes);
  static Loaded RememberReplaced(const Inspection& found);

  CryptDevice device_;
  MemoryGate* gate_;
  Layout layout_;
  Loaded loaded_;
};

// Loads the header behind `io` afresh and returns the number of the slot that `passphrase` opens:
// the proof that safety B1 asks for. Errors as Load and TestPassphrase.
Result<int> ProveOpens(const Context& context,
                       HeaderIo& io,
                       const Secret& passphrase,
                       MemoryGate& gate = MemoryGate::ForProcess());

}  // namespace rbdcrypt::rbd::luks
