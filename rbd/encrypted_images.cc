// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/encrypted_images.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rbd/journal_object.h"
#include "rbd/names.h"
#include "rbd/volume_id.h"

namespace rbdcrypt::rbd {
namespace {

// One image may have lost its placement group; with three in a row it is the cluster.
constexpr int kMostSilentInARow = 3;

// The three parts of a walk. Each is listed when all of the one before was worked on: an image that
// moved away from there is in the next.
class ImageLists {
 public:
  ImageLists(Pool& pool, const std::string& after) : pool_(pool), after_(after) {}

  Result<std::vector<ListedImage>> Images() {
    ASSIGN_OR_RETURN(seen_, SortedNames());
    return Listed(std::upper_bound(seen_.begin(), seen_.end(), after_), seen_.end());
  }

  Result<std::vector<ListedImage>> Trash() {
    ASSIGN_OR_RETURN(const std::vector<TrashEntry> trash, pool_.images().ListTrash());
    std::vector<ListedImage> listed;
    for (const TrashEntry& entry : trash) {
      listed.push_back({.name = entry.name, .trash_id = entry.id});
    }
    std::sort(listed.begin(), listed.end(), [](const ListedImage& a, const ListedImage& b) {
      return std::tie(a.name, a.trash_id) < std::tie(b.name, b.trash_id);
    });
    return listed;
  }

  // What Images() has not given and not passed over.
  Result<std::vector<ListedImage>> LateImages() {
    ASSIGN_OR_RETURN(const std::vector<std::string> now, SortedNames());
    std::vector<std::string> late;
    std::set_difference(now.begin(), now.end(), seen_.begin(), seen_.end(),
                        std::back_inserter(late));
    return Listed(late.begin(), late.end());
  }

 private:
  using Names = std::vector<std::string>;

  Result<Names> SortedNames() {
    ASSIGN_OR_RETURN(Names names, pool_.images().List());
    std::sort(names.begin(), names.end());
    return names;
  }

  static std::vector<ListedImage> Listed(Names::const_iterator begin, Names::const_iterator end) {
    std::vector<ListedImage> listed;
    for (auto name = begin; name != end; ++name) {
      listed.push_back({.name = *name});
    }
    return listed;
  }

  Pool& pool_;
  const std::string& after_;
  // Sorted.
  Names seen_;
};

// The first of `keys` with a value that is not empty, as FirstMetadata.
std::string FirstOf(const std::map<std::string, std::string>& metadata,
                    std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = metadata.find(key);
    if (found != metadata.end() && !found->second.empty()) {
      return found->second;
    }
  }
  return std::string();
}

// One image, read.
struct ReadImage {
  EncryptedImage found;
  std::unique_ptr<Image> image;
};

class ImageReader {
 public:
  ImageReader(Pool& pool, const std::string& cluster_id) : pool_(pool), cluster_id_(cluster_id) {}

  // Nothing: it is gone, or nothing calls it encrypted.
  std::optional<ReadImage> Read(const ListedImage& listed) {
    ReadImage read;
    read.found.listed = listed;
    read.found.status = ReadParts(read);
    if (!read.found.status.ok()) {
      read.image.reset();
      return IsGone(read.found.status) ? std::nullopt : std::optional(std::move(read));
    }
    return IsEncrypted(read.found) ? std::optional(std::move(read)) : std::nullopt;
  }

 private:
  // Of everything that is read only the image itself can be missing.
  static bool IsGone(const Status& status) { return status.code() == Code::kNotFound; }

  static bool IsEncrypted(const EncryptedImage& found) {
    return !found.kms_id.empty() || !found.state.ok() || *found.state != EncryptionState::kNone ||
           !found.wrapped_dek.empty() || !found.previous_wrapped_dek.empty();
  }

  Status ReadParts(ReadImage& read) {
    RETURN_IF_ERROR(ReadJournal(read.found));
    const ListedImage& listed = read.found.listed;
    ASSIGN_OR_RETURN(read.image, listed.trash_id.empty()
                                     ? pool_.images().Open(listed.name, OpenMode::kReadOnly)
                                     : pool_.images().OpenTrashed(listed.trash_id));
    ASSIGN_OR_RETURN(const auto metadata, read.image->ListMetadata());
    read.found.state = ParseEncryptionState(
        FirstOf(metadata, {kMetaEncrypted, kMetaEncryptedLegacy}), read.image->Id());
    read.found.wrapped_dek = FirstOf(metadata, {kMetaDek, kMetaDekLegacy});
    read.found.previous_wrapped_dek = FirstOf(metadata, {kMetaPreviousDek});
    return OkStatus();
  }

  Status ReadJournal(EncryptedImage& found) {
    const std::string_view name = found.listed.name;
    if (name.ends_with(kIntermediateSuffix)) {
      found.role = ImageRole::kIntermediate;
      return OkStatus();
    }
    const std::string uuid = UuidAtEnd(name);
    if (uuid.empty()) {
      return OkStatus();
    }
    ASSIGN_OR_RETURN(
        found.volume_id,
        EncodeVolumeId({.cluster_id = cluster_id_, .pool_id = pool_.id(), .uuid = uuid}));
    const bool is_snapshot = name.starts_with(kDefaultSnapshotPrefix);
    const auto likely = is_snapshot ? JournalKind::kSnapshot : JournalKind::kVolume;
    const auto other = is_snapshot ? JournalKind::kVolume : JournalKind::kSnapshot;
    ASSIGN_OR_RETURN(const bool is_found, TakeEntry(likely, uuid, found));
    return is_found ? OkStatus() : TakeEntry(other, uuid, found).status();
  }

  // Whether that journal names this image.
  Result<bool> TakeEntry(JournalKind kind, const std::string& uuid, EncryptedImage& found) {
    ASSIGN_OR_RETURN(const auto entry, ReadJournalObject(pool_.omap(), kind, uuid));
    if (!entry.has_value() || !Names(*entry, found.listed)) {
      return false;
    }
    found.role = kind == JournalKind::kVolume ? ImageRole::kVolume : ImageRole::kSnapshot;
    found.kms_id = entry->kms_id;
    found.owner = entry->owner;
    found.encryption_type = entry->encryption_type;
    return true;
  }

  // A volume that was deleted and made again under its UUID has namesakes in the trash.
  static bool Names(const JournalEntry& entry, const ListedImage& listed) {
    return entry.image_name == listed.name &&
           (listed.trash_id.empty() || entry.image_id.empty() || entry.image_id == listed.trash_id);
  }

  Pool& pool_;
  const std::string& cluster_id_;
};

class Walk {
 public:
  Walk(const Context& context,
       Pool& pool,
       const EncryptedImagesOptions& options,
       const ImageWork& work)
      : context_(context), pool_(pool), options_(options), work_(work) {}

  Status Run() {
    ImageLists lists(pool_, options_.after);
    RETURN_IF_ERROR(WorkOnAll(lists.Images()));
    RETURN_IF_ERROR(WorkOnAll(lists.Trash()));
    return WorkOnAll(lists.LateImages());
  }

 private:
  Status WorkOnAll(const Result<std::vector<ListedImage>>& listed) {
    RETURN_IF_ERROR(listed.status());
    std::size_t next = 0;
    return RunInOrder(context_, options_.threads, [&]() -> Result<std::optional<InOrderTask>> {
      if (next == listed->size()) {
        return std::nullopt;
      }
      return
          [this, &one = (*listed)[next++]](const Context& context) { return WorkOn(context, one); };
    });
  }

  InOrderReport WorkOn(const Context& context, const ListedImage& listed) {
    const std::optional<ReadImage> read = ImageReader(pool_, options_.cluster_id).Read(listed);
    if (!read.has_value()) {
      return [this] { return CountSilent(OkStatus()); };
    }
    return [this, status = read->found.status,
            report = work_(context, read->found, read->image.get())]() -> Status {
      RETURN_IF_ERROR(report());
      return CountSilent(status);
    };
  }

  Status CountSilent(const Status& status) {
    silent_in_a_row_ = IsTransient(status) ? silent_in_a_row_ + 1 : 0;
    return silent_in_a_row_ < kMostSilentInARow ? OkStatus() : status;
  }

  const Context& context_;
  Pool& pool_;
  const EncryptedImagesOptions& options_;
  const ImageWork& work_;
  // Of the calling thread.
  int silent_in_a_row_ = 0;
};

}  // namespace

Status ForEachEncryptedImage(const Context& context,
                             Pool& pool,
                             const EncryptedImagesOptions& options,
                             const ImageWork& work) {
  return Walk(context, pool, options, work).Run();
}

}  // namespace rbdcrypt::rbd
