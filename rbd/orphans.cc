// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/orphans.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "rbd/journal.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

constexpr std::size_t kUuidChars = 36;

// The UUID a name ends with, or "".
std::string UuidAtEnd(std::string_view name) {
  if (name.size() < kUuidChars) {
    return std::string();
  }
  const std::string_view tail = name.substr(name.size() - kUuidChars);
  return IsUuid(tail) ? std::string(tail) : std::string();
}

// What the journal of one pool holds.
struct JournalContents {
  // UUID of each journal object -> name of its image.
  std::map<std::string, std::string> image_of;
  // UUID that a directory key names -> that key.
  std::map<std::string, std::string> key_of;
};

class OrphanSearch {
 public:
  OrphanSearch(const Context& context, Pool& pool, const std::string& instance)
      : context_(context), pool_(pool), instance_(instance) {}

  Result<std::vector<Orphan>> Run() {
    RETURN_IF_ERROR(ReadObjects(kVolumeObjectPrefix));
    RETURN_IF_ERROR(ReadObjects(kSnapshotObjectPrefix));
    RETURN_IF_ERROR(ReadDirectory(Cat(kVolumesDirectoryPrefix, instance_)));
    RETURN_IF_ERROR(ReadDirectory(Cat(kSnapshotsDirectoryPrefix, instance_)));
    RETURN_IF_ERROR(CompareImages());
    CompareJournal();
    RETURN_IF_ERROR(CompareTrash());
    RETURN_IF_ERROR(CompareLockObjects());
    return std::move(orphans_);
  }

 private:
  Status ReadObjects(std::string_view prefix) {
    RETURN_IF_ERROR(context_.Check("list journal objects"));
    ASSIGN_OR_RETURN(const auto names, pool_.omap().ListObjects(prefix));
    for (const std::string& name : names) {
      const std::string uuid = name.substr(prefix.size());
      if (!IsUuid(uuid)) {
        continue;
      }
      const auto image = pool_.omap().Get(name, kKeyImageName);
      if (!image.ok() && image.status().code() != Code::kNotFound) {
        return image.status();
      }
      const bool is_volume = prefix == kVolumeObjectPrefix;
      journal_.image_of[uuid] =
          image.ok() ? *image
                     : Cat(is_volume ? kDefaultVolumePrefix : kDefaultSnapshotPrefix, uuid);
    }
    return OkStatus();
  }

  Status ReadDirectory(const std::string& object) {
    const auto keys = pool_.omap().List(object, kJournalKeyPrefix);
    if (keys.status().code() == Code::kNotFound) {
      return OkStatus();
    }
    RETURN_IF_ERROR(keys.status());
    for (const auto& [key, value] : *keys) {
      journal_.key_of[UuidAtEnd(value)] = Cat(object, " ", key);
    }
    return OkStatus();
  }

  Status CompareImages() {
    RETURN_IF_ERROR(context_.Check("list images"));
    ASSIGN_OR_RETURN(const auto names, pool_.images().List());
    std::set<std::string> known;
    for (const auto& [uuid, image] : journal_.image_of) {
      known.insert(image);
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

  void CompareJournal() {
    for (const auto& [uuid, image] : journal_.image_of) {
      const std::string object = Cat(kVolumeObjectPrefix, uuid);
      if (!journal_.key_of.contains(uuid)) {
        Add("journal-object", object, "no request name leads to it");
      } else if (!images_.contains(image)) {
        Add("journal-object", object, Cat("its image ", image, " is gone"));
      }
    }
    for (const auto& [uuid, key] : journal_.key_of) {
      if (!journal_.image_of.contains(uuid)) {
        Add("directory-key", key, "its journal object is gone");
      }
    }
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
      if (id.ok() && !journal_.image_of.contains(id->uuid)) {
        Add("lock-object", name, "the volume of that ID is gone");
      }
    }
    return OkStatus();
  }

  void Add(std::string kind, std::string name, std::string reason) {
    orphans_.push_back({std::move(kind), std::move(name), std::move(reason)});
  }

  const Context& context_;
  Pool& pool_;
  const std::string& instance_;
  JournalContents journal_;
  std::set<std::string> images_;
  std::vector<Orphan> orphans_;
};

}  // namespace

Result<std::vector<Orphan>> FindOrphans(const Context& context,
                                        Pool& pool,
                                        const std::string& instance) {
  return OrphanSearch(context, pool, instance).Run();
}

}  // namespace rbdcrypt::rbd
