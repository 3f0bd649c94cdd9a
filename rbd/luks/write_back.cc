// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/write_back.h"

#include <algorithm>
#include <span>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/luks/layout.h"

namespace rbdcrypt::rbd::luks {
namespace {

using Sector = std::span<const std::byte, HeaderIo::kSectorBytes>;

Status SomebodyElse(const CopyUpdate& copy) {
  return Aborted(Cat("the header copy at ", copy.offset_bytes,
                     " was written by somebody else since it was loaded: load the header again"));
}

// Makes a copy ours, or finds that somebody else was faster. Where the sector is still what was
// compared it is something else that forbids the write, such as RBD's exclusive lock.
Status Claim(HeaderIo& io, const CopyUpdate& copy) {
  const auto desired = std::span(copy.desired).first<HeaderIo::kSectorBytes>();
  Status status = io.CompareAndWrite(copy.offset_bytes, copy.expected_sector, desired);
  if (status.code() != Code::kAborted) {
    return status;
  }
  std::array<std::byte, HeaderIo::kSectorBytes> found{};
  const bool is_unchanged = io.Read(copy.offset_bytes, found).ok() && found == copy.expected_sector;
  return is_unchanged ? status : SomebodyElse(copy);
}

Status Complete(HeaderIo& io, const CopyUpdate& copy) {
  const auto rest = std::span(copy.desired).subspan(HeaderIo::kSectorBytes);
  RETURN_IF_ERROR(io.Write(copy.offset_bytes + HeaderIo::kSectorBytes, rest));
  return io.Flush();
}

// A copy that somebody repaired between our two writes is theirs and ours mixed: damaged.
Status CompleteAndReadBack(HeaderIo& io, const CopyUpdate& copy) {
  RETURN_IF_ERROR(Complete(io, copy));
  std::vector<std::byte> found(copy.desired.size());
  RETURN_IF_ERROR(io.Read(copy.offset_bytes, found));
  return found == copy.desired ? OkStatus() : SomebodyElse(copy);
}

Status WriteAreas(HeaderIo& io, const std::vector<AreaUpdate>& areas) {
  if (areas.empty()) {
    return OkStatus();
  }
  for (const AreaUpdate& area : areas) {
    RETURN_IF_ERROR(io.Write(area.offset_bytes, area.bytes));
  }
  return io.Flush();
}

// Whether both copies on the image are current and carry what `written` says: then somebody who
// repaired the other copy from it has done the rest.
Result<bool> IsRepaired(HeaderIo& io, const CopyUpdate& written) {
  std::vector<std::byte> head(2 * written.desired.size());
  RETURN_IF_ERROR(io.Read(0, head));
  const auto on_image = std::span(head).subspan(written.offset_bytes, written.desired.size());
  if (!std::ranges::equal(on_image, written.desired)) {
    return false;
  }
  const Inspection found = Inspect(std::move(head));
  return found.layout && found.layout->copies[0].is_current && found.layout->copies[1].is_current;
}

Status ClaimSecond(HeaderIo& io, const CopyUpdate& first, const CopyUpdate& second) {
  Status claimed = Claim(io, second);
  if (claimed.code() != Code::kAborted) {
    return claimed;
  }
  ASSIGN_OR_RETURN(const bool is_repaired, IsRepaired(io, first));
  if (!is_repaired) {
    return claimed;
  }
  // Its salt differs from ours: take the copy over, so that both are as we wrote them.
  std::array<std::byte, HeaderIo::kSectorBytes> found{};
  RETURN_IF_ERROR(io.Read(second.offset_bytes, found));
  return io.CompareAndWrite(second.offset_bytes, found,
                            std::span(second.desired).first<HeaderIo::kSectorBytes>());
}

// An area that the header on the image has not freed, or has given away again, is not ours to wipe.
Status CheckStillOurs(HeaderIo& io, const CopyUpdate& copy) {
  std::array<std::byte, HeaderIo::kSectorBytes> found{};
  RETURN_IF_ERROR(io.Read(copy.offset_bytes, found));
  const Sector desired = std::span(copy.desired).first<HeaderIo::kSectorBytes>();
  return std::ranges::equal(found, desired) ? OkStatus() : SomebodyElse(copy);
}

Status Wipe(HeaderIo& io, const HeaderUpdate& update) {
  if (update.dropped_areas.empty()) {
    return OkStatus();
  }
  for (const ByteRange& area : update.dropped_areas) {
    RETURN_IF_ERROR(CheckStillOurs(io, update.copies[0]));
    const std::vector<std::byte> zeros(area.length_bytes);
    RETURN_IF_ERROR(io.Write(area.offset_bytes, zeros));
  }
  return io.Flush();
}

bool IsZero(Sector sector) {
  return std::ranges::all_of(sector, [](std::byte byte) { return byte == std::byte{0}; });
}

bool IsBlank(const HeaderUpdate& update) {
  return update.dropped_areas.empty() &&
         std::ranges::all_of(update.copies, [](const CopyUpdate& copy) {
           return !copy.was_current && IsZero(copy.expected_sector);
         });
}

// Writes `parts`, in ascending order, those that touch as one.
Status WriteJoined(HeaderIo& io, const std::vector<AreaUpdate>& parts) {
  for (auto part = parts.begin(); part != parts.end();) {
    AreaUpdate joined = *part;
    for (++part; part != parts.end(); ++part) {
      if (part->offset_bytes != joined.offset_bytes + joined.bytes.size()) {
        break;
      }
      joined.bytes.insert(joined.bytes.end(), part->bytes.begin(), part->bytes.end());
    }
    RETURN_IF_ERROR(io.Write(joined.offset_bytes, joined.bytes));
  }
  return io.Flush();
}

Status CompleteBlank(HeaderIo& io, const HeaderUpdate& update) {
  std::vector<AreaUpdate> parts;
  for (const CopyUpdate& copy : update.copies) {
    parts.push_back({.offset_bytes = copy.offset_bytes, .bytes = copy.desired});
  }
  AreaUpdate& first = parts.front();
  first.offset_bytes += HeaderIo::kSectorBytes;
  first.bytes.erase(first.bytes.begin(), first.bytes.begin() + HeaderIo::kSectorBytes);
  parts.insert(parts.end(), update.new_areas.begin(), update.new_areas.end());
  std::ranges::sort(parts, {}, &AreaUpdate::offset_bytes);
  return WriteJoined(io, parts);
}

Status ClaimBlank(HeaderIo& io, const CopyUpdate& first) {
  RETURN_IF_ERROR(Claim(io, first));
  return io.Flush();
}

Status WriteBlank(HeaderIo& io, const HeaderUpdate& update) {
  RETURN_IF_ERROR(AfterEffect("header.first-claim", ClaimBlank(io, update.copies[0])));
  return AfterEffect("header.whole", CompleteBlank(io, update));
}

}  // namespace

Status WriteBack(const Context& context, HeaderIo& io, const HeaderUpdate& update) {
  RETURN_IF_ERROR(context.Check("write the LUKS header"));
  if (IsBlank(update)) {
    return WriteBlank(io, update);
  }
  const bool second_first = update.copies[0].was_current && !update.copies[1].was_current;
  const CopyUpdate& first = update.copies[second_first ? 1 : 0];
  const CopyUpdate& second = update.copies[second_first ? 0 : 1];
  RETURN_IF_ERROR(AfterEffect("header.first-claim", Claim(io, first)));
  RETURN_IF_ERROR(AfterEffect("header.keyslot-areas", WriteAreas(io, update.new_areas)));
  RETURN_IF_ERROR(AfterEffect("header.first-copy", CompleteAndReadBack(io, first)));
  RETURN_IF_ERROR(AfterEffect("header.second-claim", ClaimSecond(io, first, second)));
  RETURN_IF_ERROR(AfterEffect("header.second-copy", Complete(io, second)));
  return AfterEffect("header.wipe", Wipe(io, update));
}

}  // namespace rbdcrypt::rbd::luks
