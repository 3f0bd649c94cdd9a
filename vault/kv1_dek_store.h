// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "kms/dek_store.h"
#include "vault/kv.h"

namespace rbdcrypt::vault {

// DEKs in a KV version 1, under ceph-csi's paths (ceph-csi-compat 6.7). That engine keeps one value
// and cannot compare; the volume lock is what keeps writers apart, and each write is read back.
//
//   kms::DekStore   KV v1
//   version         digest of passphrase and revision
//   previous DEK    a secret of its own beside the current one, which ceph-csi never reads: the
//   path
//                   with ".rbdcrypt-previous-a" or "-b" behind it; the current one says which
//   Create          ceph-csi's body, bit for bit
//   Replace         see below; a random "rbdcrypt-revision" beside "data" makes the version change
//                   even where the DEK does not
//   Remove          all three
//
// Replace, with P the previous DEK, in "a", K0 the current and K1 the new one; none of the three is
// ever in one place alone that is being written:
//
//   a crash after                   leaves                          the next Replace
//   K0 is proven to be in "b"       K0, previous P                  writes "b" again
//   K1 and "b" are in the current   K1, previous K0; P in "a"       overwrites "a"
//   "a" is removed                  K1, previous K0                 -
class Kv1DekStore final : public kms::DekStore {
 public:
  // `kv` must outlive it.
  explicit Kv1DekStore(Kv& kv) : kv_(kv) {}

  bool CanCompareAndSet() const override { return false; }

  Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume_id) override;

  // kAborted: somebody else wrote one at the same time.
  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override;

  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override;

  Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override;

  Status RemovePrevious(const Context& context, std::string_view volume_id) override;

  Status Remove(const Context& context, std::string_view volume_id) override;

 private:
  Result<KvRead> ReadPresent(const Context& context, std::string_view volume_id);
  Result<std::string> WriteAndProve(const Context& context,
                                    std::string_view id,
                                    const Secret& dek,
                                    const Kv1Marks& marks);

  Kv& kv_;
};

}  // namespace rbdcrypt::vault
