// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/rados_lock_table.h"

#include <cerrno>
#include <string>

#include <sys/time.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/class_input.h"
#include "rbd/client_address.h"

namespace rbdcrypt::rbd {
namespace {

// Room for the lists of lockers at the first try; an exclusive lock has one of each.
constexpr std::size_t kListBytes = 256;

using WriteOp = CHandle<void, rados_release_write_op>;

// ClsLockType::EXCLUSIVE of Ceph's cls/lock/cls_lock_types.h.
constexpr std::uint8_t kExclusive = 1;

// cls_lock_lock_op of cls/lock/cls_lock_ops.h, as rados_lock_exclusive sends it: no tag, no flags.
ClassInput LockInput(const LockName& lock, std::chrono::seconds duration) {
  ClassInput input;
  input.Text(lock.name).Byte(kExclusive).Text(lock.cookie).Text("").Text(lock.description);
  input.Uint32(static_cast<std::uint64_t>(duration.count())).Uint32(0).Byte(0);
  return input.AsVersionOne();
}

// cls_lock_unlock_op of the same file.
ClassInput UnlockInput(const LockName& lock) {
  ClassInput input;
  input.Text(lock.name).Text(lock.cookie);
  return input.AsVersionOne();
}

void AddCall(rados_write_op_t op, const char* method, const ClassInput& input) {
  rados_write_op_exec(op, "lock", method, input.bytes().data(), input.bytes().size(), nullptr);
}

void AddRemoval(rados_write_op_t op, std::string_view key) {
  const char* const keys[] = {key.data()};
  const std::size_t lengths[] = {key.size()};
  rados_write_op_omap_rm_keys2(op, keys, lengths, 1);
}

int Operate(const RadosPool& pool, const WriteOp& op, const std::string& object) {
  return rados_write_op_operate(op.get(), pool.io(), object.c_str(), nullptr, 0);
}

Status LockError(const RadosPool& pool, int result, const LockName& lock, const char* action) {
  if (result == -ENAMETOOLONG) {
    return InvalidArgument(Cat("lock name ", lock.name, " is longer than RADOS takes"));
  }
  return pool.Error(result, Cat(action, " lock ", lock.name, " of object"), lock.object);
}

// The next of the texts that librados puts one after another, each ended by NUL.
std::string TakeText(std::string_view& list) {
  const std::size_t end = std::min(list.find('\0'), list.size());
  std::string text(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return text;
}

// The four lists of rados_list_lockers, grown to what it asks for.
struct LockerLists {
  std::string tag = std::string(kListBytes, '\0');
  std::string clients = tag;
  std::string cookies = tag;
  std::string addresses = tag;

  ssize_t Fill(rados_ioctx_t io, const std::string& object, const std::string& name) {
    std::size_t tag_size = tag.size();
    std::size_t clients_size = clients.size();
    std::size_t cookies_size = cookies.size();
    std::size_t addresses_size = addresses.size();
    int exclusive = 0;
    const ssize_t count = rados_list_lockers(
        io, object.c_str(), name.c_str(), &exclusive, tag.data(), &tag_size, clients.data(),
        &clients_size, cookies.data(), &cookies_size, addresses.data(), &addresses_size);
    if (count == -ERANGE || count >= 0) {
      tag.resize(tag_size);
      clients.resize(clients_size);
      cookies.resize(cookies_size);
      addresses.resize(addresses_size);
    }
    return count;
  }
};

}  // namespace

Status RadosLockTable::Acquire(const LockName& lock,
                               std::chrono::seconds duration,
                               const LockNote& note) {
  const WriteOp op(rados_create_write_op());
  AddCall(op.get(), "lock", LockInput(lock, duration));
  const char* const keys[] = {note.key.data()};
  const char* const values[] = {note.value.data()};
  const std::size_t key_lengths[] = {note.key.size()};
  const std::size_t value_lengths[] = {note.value.size()};
  rados_write_op_omap_set2(op.get(), keys, values, key_lengths, value_lengths, 1);
  const int result = Operate(*pool_, op, lock.object);
  if (result == -EBUSY || result == -EEXIST) {
    return Aborted(Cat("lock ", lock.name, " of object ", pool_->Spec(lock.object),
                       " is held; another operation is in flight"));
  }
  return result < 0 ? LockError(*pool_, result, lock, "take") : OkStatus();
}

Status RadosLockTable::Renew(const LockName& lock, std::chrono::seconds duration) {
  timeval length = {};
  length.tv_sec = duration.count();
  const int result =
      rados_lock_exclusive(pool_->io(), lock.object.c_str(), lock.name.c_str(), lock.cookie.c_str(),
                           lock.description.c_str(), &length, LIBRADOS_LOCK_FLAG_MUST_RENEW);
  if (result == -ENOENT || result == -EBUSY || result == -EEXIST) {
    return Aborted(Cat("lock ", lock.name, " of object ", pool_->Spec(lock.object),
                       " was lost; it ran out or was broken"));
  }
  return result < 0 ? LockError(*pool_, result, lock, "renew") : OkStatus();
}

Status RadosLockTable::Release(const LockName& lock, std::string_view note_key) {
  // An operation that removes keys makes no object: that of a deleted volume stays away.
  const WriteOp both(rados_create_write_op());
  AddCall(both.get(), "unlock", UnlockInput(lock));
  AddRemoval(both.get(), note_key);
  int result = Operate(*pool_, both, lock.object);
  if (result == -ENOENT) {
    const WriteOp note_only(rados_create_write_op());
    rados_write_op_assert_exists(note_only.get());
    AddRemoval(note_only.get(), note_key);
    result = Operate(*pool_, note_only, lock.object);
  }
  return result < 0 && result != -ENOENT ? LockError(*pool_, result, lock, "release") : OkStatus();
}

Result<std::optional<LockHolder>> RadosLockTable::Holder(const LockName& lock) {
  ASSIGN_OR_RETURN(const std::vector<LockHolder> holders,
                   ListLockHolders(*pool_, lock.object, lock.name));
  return holders.empty() ? std::nullopt : std::optional(holders.front());
}

Status RadosLockTable::Break(const LockName& lock, const LockHolder& holder) {
  const int result = rados_break_lock(pool_->io(), lock.object.c_str(), lock.name.c_str(),
                                      holder.client.c_str(), holder.cookie.c_str());
  return result < 0 && result != -ENOENT ? LockError(*pool_, result, lock, "break") : OkStatus();
}

Result<std::vector<LockHolder>> ListLockHolders(const RadosPool& pool,
                                                std::string_view object,
                                                std::string_view name) {
  const std::string object_name(object);
  const std::string lock_name(name);
  LockerLists lists;
  ssize_t count = -ERANGE;
  while (count == -ERANGE) {
    count = lists.Fill(pool.io(), object_name, lock_name);
  }
  std::vector<LockHolder> holders;
  if (count == -ENOENT) {
    return holders;
  }
  if (count < 0) {
    return pool.Error(static_cast<int>(count), Cat("list holders of lock ", name, " of object"),
                      object);
  }
  std::string_view clients = lists.clients;
  std::string_view cookies = lists.cookies;
  std::string_view addresses = lists.addresses;
  for (ssize_t i = 0; i < count; ++i) {
    holders.push_back({.client = TakeText(clients),
                       .cookie = TakeText(cookies),
                       .address = ParseClientAddress(TakeText(addresses))});
  }
  return holders;
}

}  // namespace rbdcrypt::rbd
