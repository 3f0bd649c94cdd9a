// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_image.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "tests/fakes/fake_image_store.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::uint64_t kSector = FakePage::kSectorBytes;

// Calls `each(page number, offset in page, offset in buffer, length)` for every page of a range.
template <typename Each>
void ForEachPage(std::uint64_t offset, std::size_t length, Each each) {
  for (std::size_t done = 0; done < length;) {
    const std::uint64_t at = offset + done;
    const std::size_t in_page = at % FakePage::kBytes;
    const std::size_t count = std::min(length - done, FakePage::kBytes - in_page);
    each(at / FakePage::kBytes, in_page, done, count);
    done += count;
  }
}

void ReadPages(const FakeImageData& image, std::uint64_t offset, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  ForEachPage(offset, out.size(), [&](auto number, auto in_page, auto in_buffer, auto count) {
    if (const auto page = image.pages.find(number); page != image.pages.end()) {
      std::copy_n(page->second.bytes.data() + in_page, count, out.data() + in_buffer);
    }
  });
}

void WritePages(FakeImageData& image, std::uint64_t offset, std::span<const std::byte> data) {
  ForEachPage(offset, data.size(), [&](auto number, auto in_page, auto in_buffer, auto count) {
    FakePage& page = image.pages[number];
    std::copy_n(data.data() + in_buffer, count, page.bytes.data() + in_page);
    for (auto sector = in_page / kSector; sector * kSector < in_page + count; ++sector) {
      page.written.set(sector);
    }
  });
}

bool IsWritten(const FakeImageData& image, std::uint64_t sector) {
  const auto page = image.pages.find(sector * kSector / FakePage::kBytes);
  return page != image.pages.end() &&
         page->second.written.test(sector % (FakePage::kBytes / kSector));
}

// The first written sector at or after `from`, or nothing.
std::optional<std::uint64_t> FirstWritten(const FakeImageData& image, std::uint64_t from) {
  for (auto page = image.pages.lower_bound(from * kSector / FakePage::kBytes);
       page != image.pages.end(); ++page) {
    const std::uint64_t first = page->first * (FakePage::kBytes / kSector);
    for (std::uint64_t sector = first; sector < first + page->second.written.size(); ++sector) {
      if (sector >= from && IsWritten(image, sector)) {
        return sector;
      }
    }
  }
  return std::nullopt;
}

// rbd_default_features of Ceph 16: layering, exclusive-lock, object-map, fast-diff, deep-flatten.
constexpr std::uint64_t kDefaultFeatures = 61;

bool Overlap(const rbd::Extent& bad, std::uint64_t offset, std::size_t length) {
  return offset < bad.offset_bytes + bad.length_bytes && bad.offset_bytes < offset + length;
}

bool IsUnreadable(const FakeImageData& image, std::uint64_t offset, std::size_t length) {
  return std::any_of(image.unreadable.begin(), image.unreadable.end(),
                     [&](const auto& bad) { return Overlap(bad, offset, length); });
}

}  // namespace

FakeImage::FakeImage(FakeSeat seat,
                     std::shared_ptr<FakeImageData> data,
                     rbd::OpenMode mode,
                     std::uint64_t handle)
    : seat_(std::move(seat)), data_(std::move(data)), mode_(mode), handle_(handle) {}

FakeImage::~FakeImage() {
  seat_.ceph.Touch([this](FakeCephModel&) {
    // A dead client says no good-bye: RADOS finds out by itself.
    if (!seat_.client->life->died_at.has_value()) {
      std::erase_if(data_->watches,
                    [this](const FakeWatch& watch) { return watch.handle == handle_; });
    }
  });
}

Status FakeImage::Ask(const std::function<Status()>& question) const {
  return seat_.ceph.Ask(*seat_.client, [&](FakeCephModel&) {
    return data_->is_purged ? NotFound(Cat("image ", data_->name, " is gone")) : question();
  });
}

Status FakeImage::Change(const std::function<Result<FakeEffect>()>& plan) const {
  return seat_.ceph.Change(*seat_.client, [&](FakeCephModel&) -> Result<FakeEffect> {
    if (data_->is_purged) {
      return NotFound(Cat("image ", data_->name, " is gone"));
    }
    if (mode_ == rbd::OpenMode::kReadOnly) {
      return FailedPrecondition(Cat("image ", data_->name, " is open read-only"));
    }
    return plan();
  });
}

Status FakeImage::CheckRange(std::uint64_t offset_bytes, std::size_t length) const {
  const std::uint64_t size = data_->layout.size_bytes;
  return offset_bytes <= size && length <= size - offset_bytes
             ? OkStatus()
             : OutOfRange(Cat("beyond the end of image ", data_->name));
}

std::string FakeImage::Id() const {
  return data_->id;
}

Result<std::uint64_t> FakeImage::SizeBytes() {
  std::uint64_t size = 0;
  RETURN_IF_ERROR(Ask([&] {
    size = data_->layout.size_bytes;
    return OkStatus();
  }));
  return size;
}

Result<std::uint64_t> FakeImage::Features() {
  std::uint64_t features = 0;
  RETURN_IF_ERROR(Ask([&] {
    features = data_->layout.features.value_or(kDefaultFeatures);
    return OkStatus();
  }));
  return features;
}

Status FakeImage::Read(std::uint64_t offset_bytes, std::span<std::byte> out) {
  return Ask([&] {
    RETURN_IF_ERROR(CheckRange(offset_bytes, out.size()));
    if (IsUnreadable(*data_, offset_bytes, out.size())) {
      return Unavailable(Cat("reading image ", data_->name, " failed (fault injection)"));
    }
    ReadPages(*data_, offset_bytes, out);
    return OkStatus();
  });
}

Status FakeImage::Write(std::uint64_t offset_bytes, std::span<const std::byte> data) {
  return Change([&]() -> Result<FakeEffect> {
    RETURN_IF_ERROR(CheckRange(offset_bytes, data.size()));
    return FakeEffect{Cat("image.write ", offset_bytes, "+", data.size()),
                      [&] { WritePages(*data_, offset_bytes, data); }};
  });
}

Status FakeImage::Flush() {
  return Ask([] { return OkStatus(); });
}

Status FakeImage::CompareAndWrite(std::uint64_t offset_bytes,
                                  std::span<const std::byte, kSectorBytes> expected,
                                  std::span<const std::byte, kSectorBytes> desired) {
  return Change([&]() -> Result<FakeEffect> {
    RETURN_IF_ERROR(CheckRange(offset_bytes, kSectorBytes));
    if (offset_bytes % kSectorBytes != 0) {
      return InvalidArgument("compare-and-write: the offset is no multiple of 512");
    }
    if (IsUnreadable(*data_, offset_bytes, kSectorBytes)) {
      return Unavailable(Cat("reading image ", data_->name, " failed (fault injection)"));
    }
    std::array<std::byte, kSectorBytes> present{};
    ReadPages(*data_, offset_bytes, present);
    if (!std::equal(present.begin(), present.end(), expected.begin())) {
      return Aborted(Cat("image ", data_->name, " was changed by another client"));
    }
    return FakeEffect{Cat("image.compare-and-write ", offset_bytes, "+", kSectorBytes),
                      [&] { WritePages(*data_, offset_bytes, desired); }};
  });
}

Result<std::string> FakeImage::GetMetadata(std::string_view key) {
  ASSIGN_OR_RETURN(const auto metadata, ListMetadata());
  const auto found = metadata.find(std::string(key));
  if (found == metadata.end()) {
    return NotFound(Cat("image ", data_->name, " has no metadata ", key));
  }
  return found->second;
}

Status FakeImage::SetAllMetadata(const std::map<std::string, std::string>& pairs) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : pairs) {
    keys.push_back(key);
  }
  return Change([&]() -> Result<FakeEffect> {
    return FakeEffect{Cat("image.metadata ", Join(keys, ", ")), [&] {
                        for (const auto& [key, value] : pairs) {
                          data_->metadata[key] = value;
                        }
                      }};
  });
}

Status FakeImage::RemoveMetadata(std::string_view key) {
  return Change([&]() -> Result<FakeEffect> {
    if (!data_->metadata.contains(std::string(key))) {
      return FakeEffect{};
    }
    return FakeEffect{Cat("image.metadata-remove ", key),
                      [&] { data_->metadata.erase(std::string(key)); }};
  });
}

Result<std::map<std::string, std::string>> FakeImage::ListMetadata() {
  std::map<std::string, std::string> metadata;
  RETURN_IF_ERROR(Ask([&] {
    metadata = data_->metadata;
    return OkStatus();
  }));
  return metadata;
}

Result<std::vector<rbd::Watcher>> FakeImage::Watchers() {
  std::vector<rbd::Watcher> watchers;
  RETURN_IF_ERROR(Ask([&] {
    for (const FakeWatch& watch : LiveWatches(*data_, seat_.ceph.Now())) {
      watchers.push_back(
          {.address = watch.address, .is_self = watch.address == seat_.client->address});
    }
    return OkStatus();
  }));
  return watchers;
}

Result<std::vector<rbd::Snapshot>> FakeImage::Snapshots() {
  std::vector<rbd::Snapshot> snapshots;
  RETURN_IF_ERROR(Ask([&] {
    for (const FakeSnapshot& one : data_->snapshots) {
      snapshots.push_back({.id = one.id, .name = one.name});
    }
    return OkStatus();
  }));
  return snapshots;
}

Result<std::optional<rbd::Extent>> FakeImage::FirstExtentFrom(std::uint64_t from_bytes) {
  std::optional<rbd::Extent> extent;
  RETURN_IF_ERROR(Ask([&] {
    if (IsUnreadable(*data_, from_bytes, data_->layout.size_bytes)) {
      return Unavailable(Cat("listing image ", data_->name, " failed (fault injection)"));
    }
    const auto first = FirstWritten(*data_, from_bytes / kSector);
    if (!first.has_value()) {
      return OkStatus();
    }
    const std::uint64_t object_sectors = data_->layout.object_size_bytes / kSector;
    std::uint64_t end = *first + 1;
    while (IsWritten(*data_, end) && end % object_sectors != 0) {
      ++end;
    }
    const std::uint64_t begin_bytes = std::max(*first * kSector, from_bytes);
    extent = {.offset_bytes = begin_bytes, .length_bytes = end * kSector - begin_bytes};
    return OkStatus();
  }));
  return extent;
}

Status FakeImage::Grow(std::uint64_t size_bytes) {
  return Change([&]() -> Result<FakeEffect> {
    if (size_bytes < data_->layout.size_bytes) {
      return OutOfRange(Cat("image ", data_->name, " would shrink"));
    }
    if (size_bytes == data_->layout.size_bytes) {
      return FakeEffect{};
    }
    return FakeEffect{Cat("image.grow ", size_bytes),
                      [this, size_bytes] { data_->layout.size_bytes = size_bytes; }};
  });
}

}  // namespace rbdcrypt::testing
