// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kms/dek_store.h"
#include "vault/kv.h"
#include "vault/version_floors.h"

namespace rbdcrypt::vault {

// DEKs in a KV version 2, under ceph-csi's paths and in its bodies (ceph-csi-compat 6.7).
//
//   kms::DekStore   KV v2
//   version         number of the current version
//   previous DEK    the newest version with another DEK, of the ten before the current one; older
//                   ones stay until RemovePrevious(), which destroys all before the current, or
//                   until the mount's max_versions drops them
//   Create          check-and-set 0; where the last version was soft-deleted or destroyed, which
//                   Vault does not take for absent, check-and-set of that version's number: nothing
//                   present is ever overwritten
//   Replace         check-and-set of the expected version
//   Remove          all versions and metadata; with vaultDestroyKeys other than "true" a soft
//                   delete of the current version, as ceph-csi
//
// A write without an answer, or one that was sent twice and met a conflict, is settled by reading
// the active node before anything is returned (safety B5).
class Kv2DekStore final : public kms::DekStore {
 public:
  struct Options {
    bool destroy_keys = true;
    // Written behind each Create; empty for none.
    std::vector<std::pair<std::string, std::string>> custom_metadata;
    // Names the Vault in `floors`.
    std::string floor_key;
    // Told once a call what an administrator should look at.
    std::function<void(std::string_view text)> warn;
  };

  // `kv` and `floors` must outlive it.
  Kv2DekStore(Kv& kv, VersionFloors& floors, Options options);

  bool CanCompareAndSet() const override { return true; }

  // kNotFound even where this process knew of the DEK just now: for some seconds it asks again, for
  // a standby that lags, and then the secret was removed. Nothing is decided by that: Create and
  // Replace check and set.
  Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume_id) override;

  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override;

  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override;

  Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override;

  // Needs "update" on the mount's destroy/ path.
  Status RemovePrevious(const Context& context, std::string_view volume_id) override;

  Status Remove(const Context& context, std::string_view volume_id) override;

 private:
  // What became of a write.
  struct Settled {
    bool is_stored = false;
    std::uint64_t version = 0;
  };

  // What a read answered, and the version that this process knows to be there.
  struct Look {
    KvRead read;
    std::uint64_t floor = 0;
  };

  Result<Look> LookAt(const Context& context, std::string_view volume_id);
  Result<KvRead> ReadPresent(const Context& context, std::string_view volume_id);
  Result<Settled> WriteAndSettle(const Context& context,
                                 std::string_view volume_id,
                                 const Secret& dek,
                                 std::uint64_t cas);
  Result<std::string> Stored(const Context& context,
                             std::string_view volume_id,
                             std::uint64_t version);
  Result<std::string> CreateAfterConflict(const Context& context,
                                          std::string_view volume_id,
                                          const Secret& dek);
  void SetCustomMetadata(const Context& context, std::string_view volume_id);
  void WarnIfItVanishes(std::string_view volume_id, const std::string& deletion_time);
  std::string FloorKey(std::string_view volume_id) const;
  Status Absent(std::string_view volume_id, const KvRead& read) const;
  Status Gone(std::string_view volume_id, const Look& look) const;
  Status Lags(std::string_view volume_id, const Look& look) const;

  Kv& kv_;
  VersionFloors& floors_;
  const Options options_;
};

}  // namespace rbdcrypt::vault
