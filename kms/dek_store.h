// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::kms {

// A DEK as a store holds it. `version` is opaque, changes with every write, and is what Replace
// compares; its text is safe to log.
struct StoredDek {
  Secret dek;
  std::string version;
};

// Where the DEKs of volumes live: one current and at most one previous DEK per volume.
//
// Two kinds stand behind it: a key manager that stores keys itself, and the image metadata that
// holds a wrapped DEK (rbd/metadata_dek_store). Callers hold the volume lock for every write
// (safety G1). No answer to a write means unknown: Fetch again, from the leader, before anything
// else happens (safety B5). One thread per object.
//
// Errors of every call beside those named:
//   kUnavailable       the store, or the ring of KEKs, cannot be reached now
//   kPermissionDenied  it says no
//   kInvalidArgument   its configuration is wrong
//   kDataLoss          the stored text, or the ring that unwraps it, is damaged, or the text was
//                      wrapped for another volume or with another passphrase
//   kUnimplemented     text or ring have a format newer than this build, or the key manager cannot
//                      do what the entry wants
//   kFailedPrecondition  the state, usage or kind of the key that wraps forbids it
//   kAborted           this client of the cluster was fenced, or the ring is being written
//   kInternal          OpenSSL failed
//   kCancelled, kDeadlineExceeded
class DekStore {
 public:
  virtual ~DekStore() = default;

  // Whether Create and Replace are atomic in the store itself, against writers that do not hold
  // the volume lock.
  virtual bool CanCompareAndSet() const = 0;

  // The current DEK. kNotFound: the key is missing, and the text says which: none is stored; or
  // what unwraps it is not there, for its KEK is gone or another ring's, or the request's Secret
  // has no passphrase. So it does not prove that none is stored: only Create finds that out.
  virtual Result<StoredDek> Fetch(const Context& context, std::string_view volume_id) = 0;

  // Stores the first DEK and returns its version. kAlreadyExists: there is one, even if it cannot
  // be unwrapped, or the store has another for all volumes; nothing changed. kNotFound: the
  // request's Secret has no passphrase to wrap with.
  virtual Result<std::string> Create(const Context& context,
                                     std::string_view volume_id,
                                     const Secret& dek) = 0;

  // Makes `dek` current; the DEK of `expected_version` becomes the previous one in the same step,
  // so that a crash leaves both as they were or both as they will be. Where `dek` is the current
  // one, only the version changes: that fences off older writes (safety C). kAborted: the current
  // version is another. kNotFound: none is stored, or there is no passphrase to wrap with.
  // kFailedPrecondition: one DEK for all volumes (safety B6).
  virtual Result<std::string> Replace(const Context& context,
                                      std::string_view volume_id,
                                      std::string_view expected_version,
                                      const Secret& dek) = 0;

  // The DEK before the current one, and another. kNotFound: none is kept, or as Fetch.
  virtual Result<StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) = 0;

  // Forgets the previous DEK; ok if there is none. kNotFound: there is no current one any more (a
  // key manager may have kept older ones), so nothing is forgotten.
  virtual Status RemovePrevious(const Context& context, std::string_view volume_id) = 0;

  // Forgets current and previous DEK; ok if there is none.
  virtual Status Remove(const Context& context, std::string_view volume_id) = 0;
};

}  // namespace rbdcrypt::kms
