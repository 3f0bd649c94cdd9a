// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "kmip/client.h"
#include "kmip/operations.h"
#include "kmip/server_cipher.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// What is wanted of a server's AES-GCM.
enum class GcmUse { kWithAdditionalData, kPlain };

// What was found out about one server.
struct Learnt {
  // What it answered to Query; nothing where it answers none.
  std::optional<ServerInformation> information;
  // Whether AES-CBC did what it should; nothing: not tried yet.
  std::optional<bool> cbc = {};
  // The same of AES-GCM: its dialect, or nothing where it is of no use.
  std::map<GcmUse, std::optional<GcmDialect>> gcm = {};
  // Keys that it does not give out, though it uses them.
  std::set<std::string> withheld = {};
};

// What is known of a key manager's servers, each for an hour, and no longer than it is spoken to in
// the same version: then it is asked anew. Thread safe.
class ServerMemory {
 public:
  // Nothing where it was not asked, or must be asked anew.
  std::optional<Learnt> Recall(const Clock& clock, const Session& session) const;

  // From now on for an hour.
  void Remember(const Clock& clock, const Session& session, Learnt learnt);

  // Adds to what is remembered, whose hour does not begin again; nothing where that is over.
  void Add(const Session& session, const std::function<void(Learnt& learnt)>& change);

 private:
  struct Item {
    Learnt learnt;
    Version version;
    Clock::TimePoint since;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Item> servers_ ABSL_GUARDED_BY(mutex_);
};

// What the server of one session can do: decided by Query, and by sending random bytes there and
// back, once an hour each, never by what a server says of itself or by trying with a DEK (kmip.md
// 10). One thread.
//
// Errors of every call: kUnavailable, kDeadlineExceeded, kCancelled; of a round trip those that
// are about the key, as FromReason() has them: kNotFound, kPermissionDenied, kFailedPrecondition.
class Abilities {
 public:
  // All must outlive it.
  Abilities(const Context& context, Session& session, ServerMemory& memory)
      : context_(context), session_(session), memory_(memory) {}

  // Whether Query lists the operation. Of a server that lists nothing (some let clients not ask):
  // whether its version has it.
  Result<bool> Has(Operation operation);

  // Whether it wraps and unwraps by AES-CBC as ceph-csi does, with that key.
  Result<bool> Cbc(const std::string& key_id);

  // Whether that was found out to be not so; asks nothing.
  bool LacksCbc() const;

  // How it wants AES-GCM; nothing where it has none, or none with additional data, or one that lets
  // other additional data pass.
  Result<std::optional<GcmDialect>> Gcm(const std::string& key_id, GcmUse use);

  // Whether it is known to keep that key to itself.
  Result<bool> Withholds(const std::string& key_id);
  void NoteWithheld(const std::string& key_id);

 private:
  Result<Learnt> Know();
  Result<bool> TryCbc(const std::string& key_id);
  Result<std::optional<GcmDialect>> TryGcm(const std::string& key_id, GcmUse use);
  Result<GcmDialect> TryDialect(const std::string& key_id, GcmUse use, bool announces_lengths);

  const Context& context_;
  Session& session_;
  ServerMemory& memory_;
};

}  // namespace rbdcrypt::kmip
