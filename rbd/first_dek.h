// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/kms.h"
#include "rbd/image.h"
#include "rbd/sent_dek.h"
#include "rbd/volume_dek_store.h"

namespace rbdcrypt::rbd {

// The DEK of a volume that has not the state `encrypted` yet: the one that is stored, else a new
// one (safety B2).
//
// A write without an answer may land late. A key manager that compares and sets refuses it then; at
// one that cannot (Vault's KV 1), it would take the place of the DEK that a repetition of the call
// had stored and formatted with, and the volume would be lost. So there the time is recorded in the
// image's metadata before the first DEK is sent:
//
//   a crash, or no answer, after   left behind                  the next call
//   create.dek-announced           the time                     waits until 15 minutes after it
//   create.dek                     the time, the DEK            uses the DEK
//   create.dek-settled             the DEK, proven to open      the same
//
// What is recorded, and why 15 minutes: rbd/sent_dek.h.
// One thread per object; all references must outlive it.
class FirstDek {
 public:
  FirstDek(Image& image, kms::Kms& kms, VolumeDekStore& store, std::string volume_id);

  // Needs the volume lock, held. kUnavailable: also where a late write is waited for; the text says
  // until when. Other errors of the KMS as they come; nothing is lost then, and the call can be
  // repeated.
  Result<Secret> Get(const Context& context);

  // The DEK that Get() returned was proven to open the header: no record is needed any more.
  Status Settle(const Context& context);

 private:
  Status Announce(const Context& context);
  Status Create(const Context& context);
  std::string Named(std::string_view text) const;

  SentDek sent_;
  kms::Kms& kms_;
  VolumeDekStore& store_;
  const std::string volume_id_;
};

}  // namespace rbdcrypt::rbd
