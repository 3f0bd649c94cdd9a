// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/librbd_image.h"

#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "rbd/client_address.h"
#include "rbd/exclusive_lock.h"
#include "rbd/image_metadata.h"
#include "rbd/image_watchers.h"

namespace rbdcrypt::rbd {
namespace {

// Room for one metadata value, and for one page of keys or values, at the first try.
constexpr std::size_t kMetadataBytes = 4096;

// Keys asked for at a time; the OSD's class returns 1000 at most.
constexpr std::uint64_t kMetadataPage = 64;

constexpr int kSnapshotsAtFirst = 16;

// Ends rbd_diff_iterate2 at the first extent.
constexpr int kStop = -ECANCELED;

char* Chars(std::byte* bytes) {
  return reinterpret_cast<char*>(bytes);
}

const char* Chars(const std::byte* bytes) {
  return reinterpret_cast<const char*>(bytes);
}

// Extents come in order, but those on their way when it stops still come: the first one stays.
int KeepFirstExtent(std::uint64_t offset, std::size_t length, int exists, void* out) {
  std::optional<Extent>& first = *static_cast<std::optional<Extent>*>(out);
  if (exists != 0 && (!first.has_value() || offset < first->offset_bytes)) {
    first = Extent{.offset_bytes = offset, .length_bytes = length};
  }
  return first.has_value() ? kStop : 0;
}

int IgnoreProgress(std::uint64_t /*done*/, std::uint64_t /*total*/, void* /*unused*/) {
  return 0;
}

// One page of metadata after `start`, as two lists of NUL-ended texts.
struct MetadataPage {
  std::string keys = std::string(kMetadataBytes, '\0');
  std::string values = keys;

  int Fill(rbd_image_t image, const std::string& start) {
    int result = -ERANGE;
    while (result == -ERANGE) {
      std::size_t keys_size = keys.size();
      std::size_t values_size = values.size();
      result = rbd_metadata_list(image, start.c_str(), kMetadataPage, keys.data(), &keys_size,
                                 values.data(), &values_size);
      if (result == 0 || result == -ERANGE) {
        keys.resize(keys_size);
        values.resize(values_size);
      }
    }
    return result;
  }

  // Adds all pairs to `out` and returns how many they are.
  std::size_t AddTo(std::map<std::string, std::string>& out) const {
    std::size_t pairs = 0;
    std::size_t value_at = 0;
    for (std::size_t key_at = 0; key_at < keys.size(); ++pairs) {
      const std::string key = keys.c_str() + key_at;
      const std::string value = value_at < values.size() ? values.c_str() + value_at : "";
      key_at += key.size() + 1;
      value_at += value.size() + 1;
      out.insert_or_assign(key, value);
    }
    return pairs;
  }
};

}  // namespace

Result<std::unique_ptr<LibrbdImage>> LibrbdImage::OpenHead(std::shared_ptr<RadosPool> pool,
                                                           std::string_view name,
                                                           OpenMode mode) {
  const std::string image_name(name);
  rbd_image_t handle = nullptr;
  const int result = mode == OpenMode::kReadOnly
                         ? rbd_open_read_only(pool->io(), image_name.c_str(), &handle, nullptr)
                         : rbd_open(pool->io(), image_name.c_str(), &handle, nullptr);
  if (result < 0) {
    return pool->Error(result, "open image", name);
  }
  std::string spec = pool->Spec(name);
  std::unique_ptr<LibrbdImage> image(
      new LibrbdImage(std::move(pool), handle, std::move(spec), mode));
  ASSIGN_OR_RETURN(image->id_, ImageId(*image->pool_, handle));
  return image;
}

Result<std::unique_ptr<Image>> LibrbdImage::OpenById(std::shared_ptr<RadosPool> pool,
                                                     std::string_view image_id) {
  const std::string id(image_id);
  rbd_image_t handle = nullptr;
  if (const int result = rbd_open_by_id_read_only(pool->io(), id.c_str(), &handle, nullptr);
      result < 0) {
    return pool->Error(result, "open image of id", image_id);
  }
  std::string spec = pool->Spec(image_id);
  std::unique_ptr<LibrbdImage> image(
      new LibrbdImage(std::move(pool), handle, std::move(spec), OpenMode::kReadOnly));
  image->id_ = id;
  return image;
}

Result<std::unique_ptr<Image>> LibrbdImage::Open(std::shared_ptr<RadosPool> pool,
                                                 std::string_view name,
                                                 OpenMode mode) {
  return OpenHead(std::move(pool), name, mode);
}

Result<std::unique_ptr<Image>> LibrbdImage::OpenSnapshot(std::shared_ptr<RadosPool> pool,
                                                         std::string_view name,
                                                         std::uint64_t snapshot_id) {
  ASSIGN_OR_RETURN(std::unique_ptr<LibrbdImage> image,
                   OpenHead(std::move(pool), name, OpenMode::kReadOnly));
  if (const int result = rbd_snap_set_by_id(image->image_.get(), snapshot_id); result < 0) {
    return image->Error(result, Cat("open snapshot ", snapshot_id, " of"));
  }
  image->spec_ += Cat(" (snapshot ", snapshot_id, ")");
  return std::unique_ptr<Image>(std::move(image));
}

Status LibrbdImage::Error(long result, std::string_view action, SourceLocation where) const {
  // What librbd makes of not getting the lock, for whatever reason.
  if (result == -EROFS && mode_ == OpenMode::kReadWrite) {
    return Aborted(Cat(action, " image ", spec_,
                       ": its exclusive lock could not be had, for its "
                       "owner keeps it (mapped with option exclusive?) or the cluster is slow"),
                   where);
  }
  return pool_->client().Error(static_cast<int>(result), Cat(action, " image ", spec_), where);
}

// Refreshes the header if another client changed it.
Result<std::uint64_t> LibrbdImage::SizeBytes() {
  std::uint64_t size = 0;
  if (const int result = rbd_get_size(image_.get(), &size); result < 0) {
    return Error(result, "read the size of");
  }
  return size;
}

Result<std::uint64_t> LibrbdImage::Features() {
  std::uint64_t features = 0;
  if (const int result = rbd_get_features(image_.get(), &features); result < 0) {
    return Error(result, "read the features of");
  }
  return features;
}

Status LibrbdImage::CheckRange(std::uint64_t offset_bytes, std::size_t size_bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t size, SizeBytes());
  if (offset_bytes > size || size_bytes > size - offset_bytes) {
    return OutOfRange(Cat("image ", spec_, " of ", size, " bytes has no ", size_bytes, " bytes at ",
                          offset_bytes));
  }
  return OkStatus();
}

Status LibrbdImage::Read(std::uint64_t offset_bytes, std::span<std::byte> out) {
  RETURN_IF_ERROR(CheckRange(offset_bytes, out.size()));
  // The image's own metadata (conf_rbd_cache) can turn the cache on that the connection turned off.
  if (const int result = rbd_invalidate_cache(image_.get()); result < 0) {
    return Error(result, "drop the cache of");
  }
  while (!out.empty()) {
    const ssize_t count = rbd_read2(image_.get(), offset_bytes, out.size(), Chars(out.data()), 0);
    if (count < 0) {
      return Error(count, Cat("read ", out.size(), " bytes at ", offset_bytes, " of"));
    }
    if (count == 0) {
      return OutOfRange(Cat("image ", spec_, " ended at ", offset_bytes, " while it was read"));
    }
    out = out.subspan(static_cast<std::size_t>(count));
    offset_bytes += static_cast<std::uint64_t>(count);
  }
  return OkStatus();
}

Status LibrbdImage::Write(std::uint64_t offset_bytes, std::span<const std::byte> data) {
  RETURN_IF_ERROR(CheckRange(offset_bytes, data.size()));
  RETURN_IF_ERROR(CheckLockOwner(*pool_, image_.get(), spec_));
  while (!data.empty()) {
    const ssize_t count =
        rbd_write2(image_.get(), offset_bytes, data.size(), Chars(data.data()), 0);
    if (count < 0) {
      return Error(count, Cat("write ", data.size(), " bytes at ", offset_bytes, " of"));
    }
    if (count == 0) {
      return OutOfRange(Cat("image ", spec_, " ended at ", offset_bytes, " while it was written"));
    }
    data = data.subspan(static_cast<std::size_t>(count));
    offset_bytes += static_cast<std::uint64_t>(count);
  }
  return OkStatus();
}

Status LibrbdImage::Flush() {
  const int result = rbd_flush(image_.get());
  return result < 0 ? Error(result, "flush") : OkStatus();
}

Status LibrbdImage::CompareAndWrite(std::uint64_t offset_bytes,
                                    std::span<const std::byte, kSectorBytes> expected,
                                    std::span<const std::byte, kSectorBytes> desired) {
  if (offset_bytes % kSectorBytes != 0) {
    return InvalidArgument(Cat("compare and write at ", offset_bytes, ": not a multiple of 512"));
  }
  RETURN_IF_ERROR(CheckRange(offset_bytes, kSectorBytes));
  RETURN_IF_ERROR(CheckLockOwner(*pool_, image_.get(), spec_));
  std::uint64_t mismatch = 0;
  const ssize_t result =
      rbd_compare_and_write(image_.get(), offset_bytes, kSectorBytes, Chars(expected.data()),
                            Chars(desired.data()), &mismatch, 0);
  if (result == -EILSEQ) {
    return Aborted(Cat("image ", spec_, " does not hold what was expected at ", offset_bytes,
                       ": somebody else wrote it; read it again"));
  }
  return result < 0 ? Error(result, Cat("compare and write at ", offset_bytes, " of")) : OkStatus();
}

Result<std::string> LibrbdImage::GetMetadata(std::string_view key) {
  const std::string name(key);
  std::string value(kMetadataBytes, '\0');
  int result = -ERANGE;
  while (result == -ERANGE) {
    std::size_t size = value.size();
    result = rbd_metadata_get(image_.get(), name.c_str(), value.data(), &size);
    value.resize(std::max(size, value.size()));
  }
  if (result == -ENOENT) {
    return NotFound(Cat("image ", spec_, " has no metadata ", key));
  }
  if (result < 0) {
    return Error(result, Cat("read metadata ", key, " of"));
  }
  value.resize(value.find('\0'));
  return value;
}

Status LibrbdImage::SetAllMetadata(const std::map<std::string, std::string>& pairs) {
  for (const auto& [key, value] : pairs) {
    if (key.find('\0') != std::string::npos || value.find('\0') != std::string::npos) {
      return InvalidArgument(Cat("metadata of image ", spec_, " cannot hold a NUL character"));
    }
  }
  ASSIGN_OR_RETURN(const bool journaled, PrepareMetadataChange());
  if (!journaled) {
    ASSIGN_OR_RETURN(const std::string header, ImageHeaderObject(*pool_, image_.get()));
    return Annotate(SetImageMetadata(*pool_, header, pairs), Cat("image ", spec_));
  }
  for (const auto& [key, value] : pairs) {
    const int result = rbd_metadata_set(image_.get(), key.c_str(), value.c_str());
    if (result < 0) {
      return Error(result, Cat("write metadata ", key, " of"));
    }
  }
  return OkStatus();
}

Status LibrbdImage::RemoveMetadata(std::string_view key) {
  ASSIGN_OR_RETURN(const bool journaled, PrepareMetadataChange());
  if (!journaled) {
    ASSIGN_OR_RETURN(const std::string header, ImageHeaderObject(*pool_, image_.get()));
    return Annotate(RemoveImageMetadata(*pool_, header, key), Cat("image ", spec_));
  }
  const int result = rbd_metadata_remove(image_.get(), std::string(key).c_str());
  return result < 0 && result != -ENOENT ? Error(result, Cat("remove metadata ", key, " of"))
                                         : OkStatus();
}

// Whether the change has to go through librbd and its exclusive lock, which then can be had.
Result<bool> LibrbdImage::PrepareMetadataChange() {
  if (mode_ == OpenMode::kReadOnly) {
    return Error(-EROFS, "change metadata of");
  }
  ASSIGN_OR_RETURN(const std::uint64_t features, Features());
  const bool journaled = (features & RBD_FEATURE_JOURNALING) != 0;
  if (journaled) {
    RETURN_IF_ERROR(CheckLockOwner(*pool_, image_.get(), spec_));
  }
  return journaled;
}

Result<std::map<std::string, std::string>> LibrbdImage::ListMetadata() {
  std::map<std::string, std::string> all;
  std::size_t pairs = kMetadataPage;
  while (pairs == kMetadataPage) {
    MetadataPage page;
    const std::size_t before = all.size();
    const int result = page.Fill(image_.get(), all.empty() ? "" : all.rbegin()->first);
    if (result < 0) {
      return Error(result, "list metadata of");
    }
    pairs = page.AddTo(all);
    if (all.size() == before) {
      break;
    }
  }
  return all;
}

Result<std::vector<Watcher>> LibrbdImage::Watchers() {
  ASSIGN_OR_RETURN(const ImageWatchers listed, ImageWatchers::List(*pool_, image_.get(), spec_));
  const std::uint64_t own_id = pool_->client().instance_id();
  std::vector<Watcher> watchers;
  for (const rbd_image_watcher_t& entry : listed.entries()) {
    watchers.push_back({.address = ParseClientAddress(entry.addr),
                        .is_self = static_cast<std::uint64_t>(entry.id) == own_id});
  }
  return watchers;
}

Result<std::vector<Snapshot>> LibrbdImage::Snapshots() {
  std::vector<rbd_snap_info_t> listed(kSnapshotsAtFirst);
  int room = kSnapshotsAtFirst;
  int count = rbd_snap_list(image_.get(), listed.data(), &room);
  while (count == -ERANGE) {
    listed.resize(static_cast<std::size_t>(room));
    count = rbd_snap_list(image_.get(), listed.data(), &room);
  }
  if (count < 0) {
    return Error(count, "list snapshots of");
  }
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < count; ++i) {
    const rbd_snap_info_t& one = listed[static_cast<std::size_t>(i)];
    snapshots.push_back({.id = one.id, .name = one.name});
  }
  rbd_snap_list_end(listed.data());
  return snapshots;
}

Result<std::optional<Extent>> LibrbdImage::FirstExtentFrom(std::uint64_t from_bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t size, SizeBytes());
  int result = 0;
  std::optional<Extent> found;
  if (from_bytes < size) {
    result = rbd_diff_iterate2(image_.get(), nullptr, from_bytes, size - from_bytes,
                               /*include_parent=*/1, /*whole_object=*/0, KeepFirstExtent, &found);
  }
  if (result < 0 && !found.has_value()) {
    return Error(result, Cat("list extents from ", from_bytes, " of"));
  }
  return found;
}

Status LibrbdImage::Grow(std::uint64_t size_bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t present, SizeBytes());
  if (size_bytes < present) {
    return OutOfRange(Cat("image ", spec_, " has ", present, " bytes and is not made smaller (",
                          size_bytes, ")"));
  }
  if (size_bytes == present) {
    return OkStatus();
  }
  RETURN_IF_ERROR(CheckLockOwner(*pool_, image_.get(), spec_));
  const int result =
      rbd_resize2(image_.get(), size_bytes, /*allow_shrink=*/false, IgnoreProgress, nullptr);
  return result < 0 ? Error(result, Cat("grow to ", size_bytes, " bytes")) : OkStatus();
}

}  // namespace rbdcrypt::rbd
