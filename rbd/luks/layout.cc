// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/layout.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "rbd/luks/binary_header.h"

namespace rbdcrypt::rbd::luks {
namespace {

// A copy with what it holds, while the two are compared.
struct ReadCopy {
  HeaderCopy copy;
  BinaryHeader binary;
  Metadata metadata;
  std::span<const std::byte> json_area;
};

Status ReadBody(std::span<const std::byte> head, ReadCopy& read) {
  const std::uint64_t offset = read.copy.offset_bytes;
  ASSIGN_OR_RETURN(read.binary, ParseBinaryHeader(head.subspan(offset)));
  read.copy.sequence = read.binary.sequence;
  if (read.binary.offset_bytes != offset) {
    return DataLoss(Cat("the copy at ", offset, " says that it lies elsewhere"));
  }
  if (head.size() - offset < read.binary.copy_bytes) {
    return DataLoss(Cat("the copy at ", offset, " is cut off"));
  }
  const auto bytes = head.subspan(offset, read.binary.copy_bytes);
  if (!ChecksumVerifies(bytes, read.binary)) {
    return DataLoss(Cat("the checksum of the copy at ", offset, " is wrong"));
  }
  read.json_area = bytes.subspan(kBinaryHeaderBytes);
  ASSIGN_OR_RETURN(read.metadata, ParseMetadata(read.json_area, read.binary.copy_bytes));
  return OkStatus();
}

ReadCopy ReadCopyAt(std::span<const std::byte> head, std::uint64_t offset, CopyRole role) {
  ReadCopy read;
  read.copy.offset_bytes = offset;
  read.copy.has_magic = offset < head.size() && ReadMagic(head.subspan(offset)) == role;
  if (!read.copy.has_magic) {
    read.copy.problem = Cat("the copy at ", offset, " has no magic");
    return read;
  }
  const Status status = ReadBody(head, read);
  read.copy.verifies = status.ok();
  read.copy.problem = Message(status);
  return read;
}

// Without a first copy to tell its place: the one that verifies, else the one with a magic.
ReadCopy FindSecond(std::span<const std::byte> head, const ReadCopy& first) {
  if (first.copy.verifies) {
    return ReadCopyAt(head, first.binary.copy_bytes, CopyRole::kSecond);
  }
  ReadCopy best = ReadCopyAt(head, kSmallestCopyBytes, CopyRole::kSecond);
  for (std::uint64_t offset = 2 * kSmallestCopyBytes;
       offset <= kLargestCopyBytes && !best.copy.verifies; offset *= 2) {
    ReadCopy other = ReadCopyAt(head, offset, CopyRole::kSecond);
    if (other.copy.verifies || (other.copy.has_magic && !best.copy.has_magic)) {
      best = std::move(other);
    }
  }
  return best;
}

// Which copy counts; the other is current too if it carries the same.
Layout Merge(ReadCopy first, ReadCopy second) {
  const bool second_counts =
      second.copy.verifies &&
      (!first.copy.verifies || second.binary.sequence > first.binary.sequence);
  ReadCopy& counting = second_counts ? second : first;
  ReadCopy& other = second_counts ? first : second;
  counting.copy.is_current = true;
  other.copy.is_current = other.copy.verifies &&
                          other.binary.sequence == counting.binary.sequence &&
                          other.binary.uuid == counting.binary.uuid &&
                          std::ranges::equal(other.json_area, counting.json_area);
  Layout layout;
  layout.sequence = counting.binary.sequence;
  layout.copy_bytes = counting.binary.copy_bytes;
  layout.uuid = counting.binary.uuid;
  layout.metadata = std::move(counting.metadata);
  layout.copies = {std::move(first.copy), std::move(second.copy)};
  return layout;
}

bool IsZero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

void InspectWithoutCopy(const ReadCopy& first, const ReadCopy& second, Inspection& inspection) {
  if (ReadMagic(inspection.head) == CopyRole::kFirst && ReadVersion(inspection.head) == 1) {
    inspection.state = HeaderState::kLuks1;
    inspection.problem =
        "this is a LUKS1 header; only LUKS2 is supported: convert it first "
        "(cryptsetup convert --type luks2)";
  } else if (first.copy.has_magic || second.copy.has_magic) {
    inspection.state = HeaderState::kDamaged;
    inspection.problem =
        Cat("the LUKS2 header is damaged: ", first.copy.problem, "; ", second.copy.problem);
  } else if (IsZero(inspection.head)) {
    inspection.state = HeaderState::kEmpty;
    inspection.problem = "there is no LUKS2 header: its place holds zeros";
  } else {
    inspection.state = HeaderState::kForeign;
    inspection.problem = "there is no LUKS2 header: its place holds other data";
  }
}

}  // namespace

std::uint64_t Layout::DataOffsetBytes() const {
  std::uint64_t offset = metadata.segments.empty() ? 0 : UINT64_MAX;
  for (const Segment& segment : metadata.segments) {
    offset = std::min(offset, segment.offset_bytes);
  }
  return offset;
}

std::optional<std::uint64_t> Layout::KeyBytes() const {
  for (const Keyslot& slot : metadata.keyslots) {
    if (IsUsable(slot)) {
      return slot.key_bytes;
    }
  }
  return std::nullopt;
}

const Keyslot* Layout::FindKeyslot(int number) const {
  for (const Keyslot& slot : metadata.keyslots) {
    if (slot.number == number) {
      return &slot;
    }
  }
  return nullptr;
}

bool Layout::IsUsable(const Keyslot& slot) const {
  const auto binds = [&](const Digest& digest) {
    return !digest.segments.empty() && std::ranges::count(digest.keyslots, slot.number) > 0;
  };
  return slot.type == "luks2" && std::ranges::any_of(metadata.digests, binds);
}

std::vector<ByteRange> Layout::UsedExtents() const {
  std::vector<ByteRange> extents = {{0, copy_bytes}, {copy_bytes, copy_bytes}};
  for (const Keyslot& slot : metadata.keyslots) {
    extents.push_back(slot.area);
  }
  return extents;
}

std::size_t BytesToInspect(std::span<const std::byte> first) {
  const Result<BinaryHeader> binary = ParseBinaryHeader(first);
  const bool is_whole = ReadMagic(first) == CopyRole::kFirst && binary.ok();
  return is_whole ? 2 * binary->copy_bytes : kInspectBytes;
}

Inspection Inspect(std::vector<std::byte> head) {
  Inspection inspection;
  inspection.head = std::move(head);
  ReadCopy first = ReadCopyAt(inspection.head, 0, CopyRole::kFirst);
  ReadCopy second = FindSecond(inspection.head, first);
  const ReadCopy& claimant = first.copy.has_magic ? first : second;
  if (claimant.copy.has_magic) {
    inspection.uuid = ReadUuid(std::span(inspection.head).subspan(claimant.copy.offset_bytes));
  }
  if (!first.copy.verifies && !second.copy.verifies) {
    InspectWithoutCopy(first, second, inspection);
    return inspection;
  }
  inspection.layout = Merge(std::move(first), std::move(second));
  inspection.uuid = inspection.layout->uuid;
  inspection.state = HeaderState::kLuks2;
  if (inspection.layout->DataOffsetBytes() < inspection.layout->MetadataBytes()) {
    inspection.state = HeaderState::kDetached;
    inspection.problem =
        "this LUKS2 header is detached from its data (its data would begin inside "
        "it); such volumes are not supported";
  }
  return inspection;
}

Status CheckIsLuks2(const Inspection& inspection) {
  switch (inspection.state) {
    case HeaderState::kLuks2:
      return OkStatus();
    case HeaderState::kDamaged:
      return DataLoss(Cat(inspection.problem,
                          "; nothing was written: restore a backup of the header, or keep the "
                          "image for recovery"));
    case HeaderState::kEmpty:
    case HeaderState::kForeign:
    case HeaderState::kLuks1:
    case HeaderState::kDetached:
      break;
  }
  return FailedPrecondition(inspection.problem);
}

}  // namespace rbdcrypt::rbd::luks
