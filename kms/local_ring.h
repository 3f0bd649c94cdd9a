// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// Bounds the ring's file; a ring this long wants pruning.
inline constexpr std::size_t kMaxRingVersions = 256;

// Upper limit of a ring's text: 256 keys of at most 110 characters, and two lines.
inline constexpr std::size_t kMaxRingTextBytes = 32 * 1024;

// The KEKs of the provider "local": a ring of numbered AES keys, the newest of which wraps.
//
// Its text has one item a line, each line ended by a newline, and is a Secret as a whole:
//
//   line                                  meaning
//   rbdcrypt-local-ring 1                 magic and format version
//   ring ID                               32 hexadecimal digits, drawn once per ring
//   key VERSION CREATED BITS KEY          a KEK: number from 1, ascending and never used twice;
//                                         seconds since 1970; 128, 192 or 256; hexadecimal
//   sum SHA256                            of all bytes before this line, hexadecimal
//
// Not JSON, because a JSON parser would leave copies of the keys in memory that nobody wipes.
// A value type: edits change this copy, kms/local_ring_file stores it. Const calls are thread
// safe.
class LocalRing {
 public:
  struct Version {
    std::uint32_t number = 0;
    std::uint64_t created_unix_seconds = 0;
    int key_bits = 0;
  };

  // A new ring with one fresh key. `key_bits`: 128, 192 or 256.
  // kInvalidArgument: another length. kInternal: no randomness.
  static Result<LocalRing> New(int key_bits, std::chrono::system_clock::time_point now);

  // kInvalidArgument: not a ring at all. kUnimplemented: a format newer than this build.
  // kDataLoss: a ring, but damaged: restore it from its backup.
  static Result<LocalRing> Parse(const Secret& text);

  Secret Format() const;

  const std::string& id() const { return id_; }

  // Oldest first; at least one.
  std::vector<Version> Versions() const;

  // Adds a fresh key, which wraps from now on, and returns its number. kInvalidArgument: another
  // length. kFailedPrecondition: the ring is full, prune it.
  Result<std::uint32_t> AddVersion(int key_bits, std::chrono::system_clock::time_point now);

  // Destroys a key. That nothing is wrapped by it any more is for the caller to prove (safety B7).
  // kNotFound: no such version. kFailedPrecondition: it is the newest.
  Status Prune(std::uint32_t version);

  // The text of kms/local_text, wrapped by the newest key and bound to `volume_id`.
  Result<std::string> Wrap(std::string_view volume_id, const Secret& dek) const;

  // kDataLoss: no text of "local", damaged, forged, or wrapped for another volume. kNotFound: of
  // another ring, or its key was pruned. kUnimplemented: a format newer than this build.
  Result<Secret> Unwrap(std::string_view volume_id, std::string_view wrapped) const;

 private:
  struct Key {
    Version version;
    Secret kek;
  };

  class Parser;

  explicit LocalRing(std::string id) : id_(std::move(id)) {}

  std::string id_;
  std::vector<Key> keys_;
};

}  // namespace rbdcrypt::kms
