// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/exclusive_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <vector>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/client_address.h"
#include "rbd/image_watchers.h"
#include "rbd/rados_lock_table.h"

namespace rbdcrypt::rbd {
namespace {

// The lock's name on the header object (RBD_LOCK_NAME, ceph src/include/rbd_types.h).
constexpr char kLockName[] = "rbd_lock";

// How cookies of locks begin that librbd and krbd take by themselves, unlike `rbd lock add`
// (RBD_LOCK_COOKIE_PREFIX, linux drivers/block/rbd.c).
constexpr char kAutomaticCookie[] = "auto ";

// How long an owner may take to answer; one that is alive needs milliseconds.
constexpr std::uint64_t kAnswerMilliseconds = 5000;

// Whether `watcher` answers an empty notification of the image's header, which every client takes
// for "read the header again".
Result<bool> Answers(const RadosPool& pool,
                     const std::string& header,
                     const rbd_image_watcher_t& watcher) {
  char* reply = nullptr;
  std::size_t reply_size = 0;
  const int result = rados_notify2(pool.io(), header.c_str(), nullptr, 0, kAnswerMilliseconds,
                                   &reply, &reply_size);
  const CHandle<char, rados_buffer_free> owned(reply);
  // A time-out of any watcher is an error of the whole, with the others' answers all the same.
  if (result < 0 && result != -ETIMEDOUT) {
    return pool.Error(result, "notify watchers of", header);
  }
  notify_ack_t* acks = nullptr;
  notify_timeout_t* timeouts = nullptr;
  std::size_t ack_count = 0;
  std::size_t timeout_count = 0;
  if (reply == nullptr || rados_decode_notify_response(reply, reply_size, &acks, &ack_count,
                                                       &timeouts, &timeout_count) < 0) {
    return false;
  }
  const bool answers = std::any_of(acks, acks + ack_count, [&](const notify_ack_t& ack) {
    return ack.notifier_id == static_cast<std::uint64_t>(watcher.id) &&
           ack.cookie == watcher.cookie;
  });
  rados_free_notify_response(acks, ack_count, timeouts);
  return answers;
}

Result<bool> AnyAnswers(const RadosPool& pool,
                        const std::string& header,
                        const ImageWatchers& watchers,
                        const std::string& address) {
  for (const rbd_image_watcher_t& watcher : watchers.entries()) {
    if (ParseClientAddress(watcher.addr) == address) {
      ASSIGN_OR_RETURN(const bool answers, Answers(pool, header, watcher));
      if (answers) {
        return true;
      }
    }
  }
  return false;
}

bool Has(const ImageWatchers& watchers, const std::string& address) {
  return std::ranges::any_of(watchers.entries(), [&](const rbd_image_watcher_t& watcher) {
    return ParseClientAddress(watcher.addr) == address;
  });
}

Result<std::vector<LockHolder>> Owners(const RadosPool& pool,
                                       rbd_image_t image,
                                       std::string_view spec) {
  std::uint64_t features = 0;
  int result = rbd_get_features(image, &features);
  int is_ours = 0;
  if (result >= 0 && (features & RBD_FEATURE_EXCLUSIVE_LOCK) != 0) {
    result = rbd_is_exclusive_lock_owner(image, &is_ours);
  }
  if (result < 0) {
    return pool.client().Error(result, Cat("read features and lock of image ", spec));
  }
  if ((features & RBD_FEATURE_EXCLUSIVE_LOCK) == 0 || is_ours != 0) {
    return std::vector<LockHolder>();
  }
  ASSIGN_OR_RETURN(const std::string header, ImageHeaderObject(pool, image));
  return ListLockHolders(pool, header, kLockName);
}

}  // namespace

Status CheckLockOwner(const RadosPool& pool, rbd_image_t image, std::string_view spec) {
  ASSIGN_OR_RETURN(const std::vector<LockHolder> owners, Owners(pool, image, spec));
  for (const LockHolder& owner : owners) {
    if (owner.client == Cat("client.", pool.client().instance_id()) ||
        pool.client().HasFenced(owner.address)) {
      continue;
    }
    ASSIGN_OR_RETURN(const ImageWatchers watchers, ImageWatchers::List(pool, image, spec));
    const std::string who = Cat("image ", spec, ": its exclusive lock belongs to ", owner.client,
                                " at ", owner.address);
    if (!Has(watchers, owner.address)) {
      return Aborted(Cat(who,
                         ", which has died or lost its connection. It is not taken away, for "
                         "that would shut the client out of all its volumes: map the image "
                         "once, or remove the lock with: rbd lock remove"));
    }
    ASSIGN_OR_RETURN(const std::string header, ImageHeaderObject(pool, image));
    ASSIGN_OR_RETURN(const bool answers, AnyAnswers(pool, header, watchers, owner.address));
    if (!answers) {
      return Aborted(Cat(who, ", which does not answer; retry"));
    }
  }
  return OkStatus();
}

Status DropDeadLockOwner(const RadosPool& pool, rbd_image_t image, std::string_view spec) {
  ASSIGN_OR_RETURN(const std::vector<LockHolder> owners, Owners(pool, image, spec));
  if (owners.empty()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string header, ImageHeaderObject(pool, image));
  ASSIGN_OR_RETURN(const ImageWatchers watchers, ImageWatchers::List(pool, image, spec));
  for (const LockHolder& owner : owners) {
    if (Has(watchers, owner.address) || !owner.cookie.starts_with(kAutomaticCookie)) {
      continue;
    }
    const int result = rados_break_lock(pool.io(), header.c_str(), kLockName, owner.client.c_str(),
                                        owner.cookie.c_str());
    if (result < 0 && result != -ENOENT) {
      return pool.Error(result, "break the lock of", header);
    }
  }
  return OkStatus();
}

}  // namespace rbdcrypt::rbd
