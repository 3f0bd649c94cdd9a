// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/dek_store.h"

namespace rbdcrypt::kms {

// Wraps DEKs with a KEK that stays in the key manager. Thread safe.
class DekWrapper {
 public:
  virtual ~DekWrapper() = default;

  // The text to store in the image's metadata (ceph-csi-compat 6.10); bound to `volume_id` where
  // the provider's format allows it (safety E2).
  // kNotFound: the request's Secret has no passphrase. kUnavailable: the KEKs cannot be reached (no
  // ring file, say). kPermissionDenied: this process may not read or make the ring.
  // kInvalidArgument: what the entry names is no ring, or others may read it. kDataLoss: the ring
  // is damaged. kUnimplemented: it is newer than this build. kAborted: another process is making
  // it. kResourceExhausted: no room on disk to make it. kInternal: OpenSSL failed, or the key
  // manager did for no reason that it gave. kCancelled, kDeadlineExceeded: also while waiting for
  // scrypt's memory. Of a key manager: kUnavailable: it is down; kPermissionDenied: it says no;
  // kNotFound: it has no such KEK; kFailedPrecondition: the KEK's state, usage or kind forbids it;
  // kUnimplemented: it cannot do what the entry wants; kInvalidArgument: credentials.
  virtual Result<std::string> WrapDek(const Context& context,
                                      std::string_view volume_id,
                                      const Secret& dek) = 0;

  // The DEK in `wrapped`.
  // kDataLoss: not a text of this provider, damaged, or wrapped for another volume or, with
  // "metadata", by another passphrase; or the ring is damaged. kNotFound: the KEK version that
  // wrapped it is gone or of another ring, or the request's Secret has no passphrase.
  // kUnimplemented: text or ring are newer than this build. kUnavailable, kPermissionDenied,
  // kFailedPrecondition, kInvalidArgument, kInternal, kCancelled, kDeadlineExceeded: as WrapDek.
  virtual Result<Secret> UnwrapDek(const Context& context,
                                   std::string_view volume_id,
                                   std::string_view wrapped) = 0;
};

// How a keyslot that a DEK of this provider opens is derived: a random DEK needs no costly KDF.
enum class DekKind { kRandom, kHumanPassphrase };

// One KMS entry as one tenant sees it.
//
// Exactly one of wrapper() and store() is set: a wrapper means the DEK lives, wrapped, in the
// image's metadata; a store means the provider keeps it. Thread safe; owns copies of the request's
// secrets it needs; made by kms/registry.
class Kms {
 public:
  virtual ~Kms() = default;

  // The KMS ID of the StorageClass ("default" for the Secret's shared passphrase).
  virtual const std::string& id() const = 0;

  // "default", "metadata", "local", …
  virtual std::string_view provider() const = 0;

  virtual DekKind dek_kind() const { return DekKind::kRandom; }

  // Random bytes of a new DEK, before their text form (ceph-csi: 20).
  virtual std::size_t dek_bytes() const = 0;

  // Whose identity or secret opens it: this driver's own, the tenant's, or one that comes with each
  // request.
  enum class Identity { kDriver, kTenant, kRequest };

  virtual Identity identity() const { return Identity::kDriver; }

  // Does what comes before the first DEK: finds the identity and logs in. For a preflight; other
  // calls do it by themselves. Errors are those of the store's or wrapper's calls.
  virtual Status Connect(const Context& /*context*/) { return OkStatus(); }

  // Whether every volume has the same, unchangeable DEK (safety B6: such volumes cannot rotate).
  virtual bool is_shared_passphrase() const { return false; }

  virtual DekWrapper* wrapper() { return nullptr; }

  virtual DekStore* store() { return nullptr; }
};

// A new DEK: `bytes` from the operating system as URL-safe, padded base64 text, which is the LUKS
// passphrase itself and is never decoded (ceph-csi-compat 5.2). kInternal: no randomness.
Result<Secret> NewDek(std::size_t bytes);

}  // namespace rbdcrypt::kms
