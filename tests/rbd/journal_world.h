// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "rbd/journal.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {

// RADOS object -> omap key -> value.
using Objects = std::map<std::string, rbd::OmapValues>;

// An encrypted volume of KMS "vault-kv2" and owner "tenant-a".
rbd::Reservation ReservationOf(const std::string& request_name);

// A cluster with pools "rbd" (1) and "other" (2), and one program on it.
class JournalWorld {
 public:
  // Where the directory of the journal is; images are in "rbd".
  enum class JournalIn { kSamePool, kOtherPool };

  JournalWorld();

  // Puts keys into objects, beside what they have.
  void Load(const Objects& objects, std::int64_t pool_id = 1);

  rbd::Journal NewJournal(JournalIn where = JournalIn::kSamePool);

  // What CreateVolume does of it: find or reserve the name, then store the image's id.
  Result<rbd::JournalEntry> Create(const std::string& request_name);

  // What DeleteVolume does of it.
  Status Delete(const std::string& uuid);

  // The program dies and starts again.
  void Restart();

  // Expects one key and one object in pool "rbd", and that both belong to `entry`.
  void ExpectExactlyOne(const std::string& request_name, const rbd::JournalEntry& entry) const;

  rbd::Connection& connection() { return *connection_; }

  rbd::Pool& pool() { return *pool_; }

  FakeClock clock;
  FakeCeph ceph{clock};
  std::unique_ptr<FakeProcess> process;

 private:
  void Connect();

  std::shared_ptr<rbd::Connection> connection_;
  std::unique_ptr<rbd::Pool> pool_;
  std::unique_ptr<rbd::Pool> other_pool_;
};

// The whole of a reservation's removal.
inline Status Undo(rbd::Journal journal, const rbd::JournalEntry& entry) {
  RETURN_IF_ERROR(journal.RemoveName(entry));
  return journal.RemoveEntry(entry);
}

}  // namespace rbdcrypt::testing
