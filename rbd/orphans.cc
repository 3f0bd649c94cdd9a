// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/orphans.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/journal_object.h"
#include "rbd/journal_target.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

// A journal object: what it is called, and what it names.
struct JournalObject {
  std::string name;
  std::string image;
  // Of its directory; nothing for the pool it is in.
  std::optional<std::int64_t> journal_pool;
};

// A key of the directory, and the pool of the journal object it leads to, as above.
struct DirectoryKey {
  std::string name;
  std::optional<std::int64_t> image_pool;
};

class OrphanSearch {
 public:
  OrphanSearch(const Context& context,
               Connection& connection,
               Pool& pool,
               const std::string& instance)
      : context_(context), connection_(connection), pool_(pool), instance_(instance) {}

  Result<std::vector<Orphan>> Run() {
    RETURN_IF_ERROR(ReadObjects(JournalKind::kVolume));
    RETURN_IF_ERROR(ReadObjects(JournalKind::kSnapshot));
    for (const std::string& directory : Directories()) {
      RETURN_IF_ERROR(ReadDirectory(pool_, directory, keys_));
    }
    RETURN_IF_ERROR(CompareImages());
    RETURN_IF_ERROR(CompareObjects());
    RETURN_IF_ERROR(CompareKeys());
    RETURN_IF_ERROR(CompareTrash());
    RETURN_IF_ERROR(CompareLockObjects());
    return std::move(orphans_);
  }

 private:
  using DirectoryKeys = std::map<std::string, DirectoryKey>;

  std::vector<std::string> Directories() const {
    return {Cat(kVolumesDirectoryPrefix, instance_), Cat(kSnapshotsDirectoryPrefix, instance_)};
  }

  Status ReadObjects(JournalKind kind) {
    RETURN_IF_ERROR(context_.Check("list journal objects"));
    const std::string prefix = JournalObjectName(kind, "");
    ASSIGN_OR_RETURN(const auto names, pool_.omap().ListObjects(prefix));
    for (const std::string& name : names) {
      const std::string uuid = name.substr(prefix.size());
      if (IsUuid(uuid)) {
        RETURN_IF_ERROR(ReadObject(kind, uuid));
      }
    }
    return OkStatus();
  }

  Status ReadObject(JournalKind kind, const std::string& uuid) {
    const auto entry = ReadJournalObject(pool_.omap(), kind, uuid);
    JournalObject object{.name = JournalObjectName(kind, uuid),
                         .image = DefaultImageName(kind, uuid),
                         .journal_pool = {}};
    if (entry.status().code() == Code::kInternal) {
      Add("journal-object", object.name, Message(entry.status()));
      objects_[uuid] = std::move(object);
      return OkStatus();
    }
    RETURN_IF_ERROR(entry.status());
    if (entry->has_value()) {
      object.image = (*entry)->image_name;
      object.journal_pool = ElsewhereOnly((*entry)->journal_pool_id);
      objects_[uuid] = std::move(object);
    }
    return OkStatus();
  }

  Status ReadDirectory(Pool& pool, const std::string& directory, DirectoryKeys& found) {
    const auto values = pool.omap().List(directory, kJournalKeyPrefix);
    if (values.status().code() == Code::kNotFound) {
      return OkStatus();
    }
    RETURN_IF_ERROR(values.status());
    for (const auto& [key, value] : *values) {
      const std::optional<JournalTarget> target = ParseJournalTarget(value);
      if (target.has_value()) {
        found[target->uuid] = {.name = Cat(directory, " ", key), .image_pool = target->pool_id};
      } else {
        Add("directory-key", Cat(directory, " ", key), "its value leads nowhere");
      }
    }
    return OkStatus();
  }

  std::optional<std::int64_t> ElsewhereOnly(std::optional<std::int64_t> pool_id) const {
    return pool_id == pool_.id() ? std::nullopt : pool_id;
  }

  // The pool of that number; kNotFound: there is none.
  Result<Pool*> PoolOf(std::int64_t pool_id) {
    std::unique_ptr<Pool>& pool = pools_[pool_id];
    if (pool == nullptr) {
      ASSIGN_OR_RETURN(const std::string name, connection_.PoolName(pool_id));
      ASSIGN_OR_RETURN(pool, connection_.OpenPool(name, pool_.rados_namespace()));
    }
    return pool.get();
  }

  Status CompareImages() {
    RETURN_IF_ERROR(context_.Check("list images"));
    ASSIGN_OR_RETURN(const auto names, pool_.images().List());
    std::set<std::string> known;
    for (const auto& [uuid, object] : objects_) {
      known.insert(object.image);
      known.insert(Cat(object.image, kIntermediateSuffix));
    }
    for (const std::string& name : names) {
      images_.insert(name);
      const bool is_ours =
          name.starts_with(kDefaultVolumePrefix) || name.starts_with(kDefaultSnapshotPrefix);
      if (is_ours && !known.contains(name)) {
        Add("image", name, "no journal object names it; its metadata may hold a DEK");
      }
    }
    return OkStatus();
  }

  // Whether a request name leads to the object, be it in another pool's directory.
  Result<bool> IsNamed(const std::string& uuid, const JournalObject& object) {
    if (!object.journal_pool.has_value()) {
      return keys_.contains(uuid);
    }
    const auto [known, is_new] = keys_elsewhere_.try_emplace(*object.journal_pool);
    if (is_new) {
      const Result<Pool*> pool = PoolOf(*object.journal_pool);
      if (pool.status().code() == Code::kNotFound) {
        return false;
      }
      RETURN_IF_ERROR(pool.status());
      for (const std::string& directory : Directories()) {
        RETURN_IF_ERROR(ReadDirectory(**pool, directory, known->second));
      }
    }
    return known->second.contains(uuid);
  }

  Status CompareObjects() {
    for (const auto& [uuid, object] : objects_) {
      ASSIGN_OR_RETURN(const bool is_named, IsNamed(uuid, object));
      if (!is_named) {
        Add("journal-object", object.name, "no request name leads to it");
      } else if (!images_.contains(object.image)) {
        Add("journal-object", object.name, Cat("its image ", object.image, " is gone"));
      }
    }
    return OkStatus();
  }

  Status CompareKeys() {
    for (const auto& [uuid, key] : keys_) {
      ASSIGN_OR_RETURN(const bool leads_somewhere, HasObject(uuid, key));
      if (!leads_somewhere) {
        Add("directory-key", key.name, "its journal object is gone");
      }
    }
    return OkStatus();
  }

  Result<bool> HasObject(const std::string& uuid, const DirectoryKey& key) {
    const std::optional<std::int64_t> elsewhere = ElsewhereOnly(key.image_pool);
    if (!elsewhere.has_value()) {
      return objects_.contains(uuid);
    }
    const Result<Pool*> pool = PoolOf(*elsewhere);
    if (pool.status().code() == Code::kNotFound) {
      return false;
    }
    RETURN_IF_ERROR(pool.status());
    ASSIGN_OR_RETURN(const bool is_volume,
                     (*pool)->omap().ObjectExists(Cat(kVolumeObjectPrefix, uuid)));
    return is_volume ? true : (*pool)->omap().ObjectExists(Cat(kSnapshotObjectPrefix, uuid));
  }

  Status CompareTrash() {
    ASSIGN_OR_RETURN(const auto entries, pool_.images().ListTrash());
    for (const TrashEntry& entry : entries) {
      if (!UuidAtEnd(entry.name).empty()) {
        Add("trash", Cat(entry.id, " ", entry.name), "waits to be removed");
      }
    }
    return OkStatus();
  }

  // "0001-": how every volume ID of today begins.
  Status CompareLockObjects() {
    ASSIGN_OR_RETURN(const auto names, pool_.omap().ListObjects("0001-"));
    for (const std::string& name : names) {
      const auto id = DecodeVolumeId(name);
      if (id.ok() && id->pool_id == pool_.id() && !objects_.contains(id->uuid)) {
        Add("lock-object", name, "the volume of that ID is gone");
      }
    }
    return OkStatus();
  }

  void Add(std::string kind, std::string name, std::string reason) {
    orphans_.push_back({std::move(kind), std::move(name), std::move(reason)});
  }

  const Context& context_;
  Connection& connection_;
  Pool& pool_;
  const std::string& instance_;
  // By UUID.
  std::map<std::string, JournalObject> objects_;
  DirectoryKeys keys_;
  // By pool number: keys of other pools' directories, and those pools.
  std::map<std::int64_t, DirectoryKeys> keys_elsewhere_;
  std::map<std::int64_t, std::unique_ptr<Pool>> pools_;
  std::set<std::string> images_;
  std::vector<Orphan> orphans_;
};

}  // namespace

Result<std::vector<Orphan>> FindOrphans(const Context& context,
                                        Connection& connection,
                                        Pool& pool,
                                        const std::string& instance) {
  return OrphanSearch(context, connection, pool, instance).Run();
}

}  // namespace rbdcrypt::rbd
