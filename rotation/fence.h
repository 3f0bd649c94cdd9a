// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "rbd/image.h"
#include "rbd/keyslots.h"
#include "rbd/sent_dek.h"
#include "rbd/stored_deks.h"
#include "rbd/volume_dek_store.h"
#include "rbd/volume_lock.h"
#include "rotation/records.h"

namespace rbdcrypt::rotation {

// Keeps DEKs that are still on their way to the key manager from doing harm.
//
// A keyslot that no stored DEK explains may be what a rotation left that stored its DEK without an
// answer. Were it dropped, and that DEK became current after all, the volume would be lost. So its
// key must not be able to become current any more (safety C, "Fencing the store"):
//
//   who added the keyslot     the store           what is done first
//   this driver (Records)     compares and sets   the current DEK is stored again: what was
//   prepared
//                                                 against an older version fails
//                             image metadata      nothing: its writer was fenced with the lock
//                             neither             waits until the last DEK was sent `grace` ago
//   anybody else (ceph-csi    any                 waits until it was first seen `grace` ago, for
//   compares nothing and                          nobody can fence that writer; then as above
//   leaves no holder record)
//
// Under the volume lock. One thread per object; all references must outlive it.
class StoreFence {
 public:
  struct Parts {
    rbd::Image& image;
    rbd::VolumeDekStore& store;
    rbd::VolumeLock& lock;
    Records& records;
    const std::string& volume_id;
    std::chrono::seconds grace;
  };

  explicit StoreFence(const Parts& parts);

  // True: that keyslot's key will never be the current DEK. False: the store was fenced just now;
  // fetch, and ask again with what it holds then, for an answer is no proof that it was stored.
  // kAborted: not yet; the text says when. Or somebody else wrote to the store. Errors of
  // DekStore::Replace as they come.
  Result<bool> Exclude(const Context& context,
                       const rbd::KeyslotInfo& slot,
                       bool is_of_this_driver,
                       const rbd::StoredDeks& deks);

  // Ok: a DEK that is sent now will not be replaced by an earlier one. kAborted: not yet.
  Status CheckMaySend(const Context& context);

  // Sends a DEK, after announcing it where that is needed. After any error it is unknown whether
  // it is stored, or will be: fetch (safety B5). kAborted: also where CheckMaySend() says so, or
  // the lock is lost.
  Status Send(const Context& context, const std::string& version, const Secret& dek);

 private:
  Result<std::chrono::seconds> SendingLeft(const Context& context);
  Status CheckIsOld(const Context& context, const rbd::KeyslotInfo& slot);
  Result<bool> FenceByWriting(const Context& context, const rbd::StoredDeks& deks);
  Result<std::string> Replace(const Context& context,
                              const std::string& version,
                              const Secret& dek);

  const Parts parts_;
  rbd::SentDek sent_;
  // The version that the fencing write got; "" before it.
  std::string fenced_version_;
};

}  // namespace rbdcrypt::rotation
