// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/luks/header.h"
#include "rbd/luks/header_io.h"
#include "rbd/luks/memory_gate.h"

namespace rbdcrypt::rbd {

// One used keyslot of a volume's header.
struct KeyslotInfo {
  int number = 0;
  // Tells it from every other keyslot there ever was under that number: hexadecimal SHA-256 of the
  // number and the salt of its key derivation, which is drawn anew for each. Tells nothing of keys.
  std::string fingerprint = {};
  // What testing it takes: for the memory gate (safety E5).
  std::uint64_t kdf_memory_bytes = 0;

  // Whether it is the drivers' to change (safety C); others are an administrator's.
  bool is_ours() const { return number < luks::kOurKeyslots; }
};

// The keyslots of one volume's header, as a replacement of its DEK works with them.
//
// Load() reads the header; Add() and Drop() change a private copy of it; Commit() puts that on the
// image, whole or not at all, and only if nobody else wrote the header since Load(). So what was
// found out between Load() and Commit() still holds for what is committed. Real: LuksKeyslots. One
// thread per object.
class Keyslots {
 public:
  virtual ~Keyslots() = default;

  // Errors of luks::Header::Load.
  virtual Status Load(const Context& context) = 0;

  // Of the header as loaded and edited, by number.
  virtual std::vector<KeyslotInfo> Slots() const = 0;

  // Whether `dek` opens that very slot; false for a free one. Errors of luks::Header::OpensSlot.
  virtual Result<bool> Opens(const Context& context, const Secret& dek, int number) = 0;

  // A slot of ours that `added` opens, by the volume key that `known` opens. Errors of
  // luks::Header::AddKeyslot; after one load again.
  virtual Result<KeyslotInfo> Add(const Context& context,
                                  const Secret& known,
                                  const Secret& added) = 0;

  // Errors of luks::Header::DropKeyslot: the last usable slot is kept.
  virtual Status Drop(int number) = 0;

  // kAborted: somebody else wrote since Load(). kUnavailable: no answer in time; a part may still
  // land (VolumeLock::LeaveBehind). After any error load again.
  virtual Status Commit(const Context& context) = 0;
};

// Keyslots of the LUKS2 header behind a HeaderIo: an image, or a device that is mapped from it.
// `io` and `gate` must outlive it.
class LuksKeyslots final : public Keyslots {
 public:
  explicit LuksKeyslots(luks::HeaderIo& io, luks::MemoryGate& gate = luks::MemoryGate::ForProcess())
      : io_(io), gate_(gate) {}

  Status Load(const Context& context) override;
  std::vector<KeyslotInfo> Slots() const override;
  Result<bool> Opens(const Context& context, const Secret& dek, int number) override;
  Result<KeyslotInfo> Add(const Context& context,
                          const Secret& known,
                          const Secret& added) override;
  Status Drop(int number) override;
  Status Commit(const Context& context) override;

 private:
  luks::HeaderIo& io_;
  luks::MemoryGate& gate_;
  std::optional<luks::Header> header_;
};

}  // namespace rbdcrypt::rbd
