// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "vault/answer.h"
#include "vault/authorized_client.h"
#include "vault/mounts.h"

namespace rbdcrypt::vault {

// What a KV v1 secret has beside ceph-csi's "data"; empty in one that was never replaced.
struct Kv1Marks {
  // Random, new with each replacement.
  std::string revision = {};
  // Which secret holds the previous DEK: "a" or "b".
  std::string previous = {};
};

// What stands at a path.
struct KvRead {
  enum class State {
    kPresent,
    // KV v2: the version is soft-deleted or destroyed; older ones may be there.
    kDeleted,
    // Never existed, or all of it was removed.
    kNever,
  };

  State state = State::kNever;
  // Of a present secret: its passphrase, never empty.
  Secret passphrase;
  // KV v2: of the version read, also where it is deleted; 0 where none ever existed.
  std::uint64_t version = 0;
  // KV v2: when the version was deleted or will vanish by itself; "" for never.
  std::string deletion_time;
  // KV v1.
  Kv1Marks marks;
};

// The outcome of a write.
struct KvWritten {
  // KV v2: the check-and-set did not match; nothing was written by the last try.
  bool is_conflict = false;
  // Whether an earlier try of this write may have been acted upon: a conflict may be with
  // ourselves.
  bool was_repeated = false;
  // KV v2: of the new version.
  std::uint64_t version = 0;
  std::string deletion_time = {};
};

// Read an answer to a GET of a secret, with the extra level "data" (ceph-csi-compat 6.7). The
// verdict is kSuccess or kAbsent.
// kDataLoss: a secret is there, but not with a passphrase where one belongs. kUnavailable: not the
// answer of a Vault. kFailedPrecondition: the mount has the other KV version.
Result<KvRead> ParseKv1Read(const Answer& answer);
Result<KvRead> ParseKv2Read(const Answer& answer);

// Reads a write's answer of KV v2. kUnavailable: it names no version. kFailedPrecondition: it is
// that of a KV v1, marked by net::NeverArrived(), since there is no new version then.
Result<KvWritten> ParseKv2Write(const Answer& answer);

// Of a write whose answer was lost, by the read that was to settle it and did not find the DEK:
// what is known, for texts.
std::string_view FateOfWrite(const Result<KvRead>& read);

// {"data":{"passphrase":"…"}} for KV v1, with those marks beside "data" that are not empty; the
// same below another "data" with {"options":{"cas":N}} for KV v2.
Secret Kv1Body(const Secret& passphrase, const Kv1Marks& marks);
Secret Kv2Body(const Secret& passphrase, std::uint64_t cas);

// The verbs of one KV engine on the secrets of one entry; paths are ceph-csi's (6.7). `id` is the
// path below the entry's prefix: a volume ID. Thread safe.
//
// Errors are AuthorizedClient's; net::MayHaveArrived() of a write's tells whether a try of it may
// have been acted upon, or may be yet, also where the last one was refused. Reads add kDataLoss
// and, where the mount's version was taken wrongly, kFailedPrecondition. Reads ask the active node.
class Kv {
 public:
  // `client` must outlive it. `prefix`: the option vaultPassphrasePath.
  Kv(AuthorizedClient& client, KvMount mount, std::string prefix);

  const KvMount& mount() const { return mount_; }

  // Of KV v2 the given version, else the current one.
  Result<KvRead> Read(const Context& context,
                      std::string_view id,
                      std::optional<std::uint64_t> version = std::nullopt);

  // KV v1: replaces whatever is there.
  Status Write1(const Context& context, std::string_view id, Secret body);

  // KV v2: adds a version if `cas` is the current one's number; 0: if there never was one.
  Result<KvWritten> Write2(const Context& context,
                           std::string_view id,
                           const Secret& passphrase,
                           std::uint64_t cas);

  // KV v1: removes the secret. KV v2: soft-deletes its current version. Ok where there is none.
  Status Delete(const Context& context, std::string_view id);

  // KV v2: removes all versions and the metadata. Ok where there is none.
  Status DeleteAll(const Context& context, std::string_view id);

  // KV v2: removes the data of these versions for good; those that are gone do not matter.
  Status Destroy(const Context& context,
                 std::string_view id,
                 const std::vector<std::uint64_t>& versions);

  // KV v2: replaces the secret's custom metadata.
  Status SetCustomMetadata(const Context& context,
                           std::string_view id,
                           const std::vector<std::pair<std::string, std::string>>& custom_metadata);

  // The path of a secret as texts have it: "secret/data/ceph-csi/0001-…".
  std::string PathOf(std::string_view id) const;

 private:
  std::string Target(std::string_view area, std::string_view id) const;
  Status SendPlain(const Context& context, Call call, std::string_view right);
  Status Refused(const Context& context,
                 const Answer& answer,
                 std::string_view path,
                 std::string_view right);

  AuthorizedClient& client_;
  const KvMount mount_;
  const std::string prefix_;
};

}  // namespace rbdcrypt::vault
