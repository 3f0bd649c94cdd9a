// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/header.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/strings.h"
#include "base/uuid.h"
#include "rbd/luks/binary_header.h"
#include "rbd/luks/kdf_limits.h"
#include "rbd/luks/write_back.h"

namespace rbdcrypt::rbd::luks {
namespace {

// The part of a copy by which write_back compares it.
std::array<std::byte, HeaderIo::kSectorBytes> SectorAt(std::span<const std::byte> head,
                                                       std::uint64_t offset_bytes) {
  std::array<std::byte, HeaderIo::kSectorBytes> sector{};
  if (offset_bytes + sector.size() <= head.size()) {
    std::ranges::copy(head.subspan(offset_bytes, sector.size()), sector.begin());
  }
  return sector;
}

// Copies `range` of the image into the private file.
Status Fetch(HeaderIo& io, const ByteRange& range, CryptDevice& device) {
  std::vector<std::byte> bytes(range.length_bytes);
  RETURN_IF_ERROR(io.Read(range.offset_bytes, bytes));
  return device.Write(range.offset_bytes, bytes);
}

bool OverlapsAny(const ByteRange& range, const std::vector<ByteRange>& others) {
  return std::ranges::any_of(others, [&](const ByteRange& other) { return range.Overlaps(other); });
}

// Cheap slots first, each group by number. Slots that hold no volume key are left out.
std::vector<Keyslot> InOrderOfCost(const Layout& layout) {
  std::vector<Keyslot> slots;
  std::ranges::copy_if(layout.metadata.keyslots, std::back_inserter(slots),
                       [&](const Keyslot& slot) { return layout.IsUsable(slot); });
  std::ranges::stable_sort(slots, {}, [](const Keyslot& slot) {
    return slot.kdf.memory_kib * 1024 <= kCheapKdfBytes ? 0 : slot.kdf.memory_kib;
  });
  return slots;
}

}  // namespace

Header::Loaded Header::Remember(const Inspection& found, std::uint64_t copy_bytes) {
  Loaded loaded;
  loaded.sectors = {SectorAt(found.head, 0), SectorAt(found.head, copy_bytes)};
  if (!found.layout) {
    return loaded;
  }
  loaded.is_current = {found.layout->copies[0].is_current, found.layout->copies[1].is_current};
  for (const Keyslot& slot : found.layout->metadata.keyslots) {
    loaded.keyslots.push_back(slot.number);
    loaded.areas.push_back(slot.area);
  }
  return loaded;
}

// A header that is replaced does not count: its slots and areas may be given away, its copies need
// no protection. What of it stays reachable is wiped with its areas.
Header::Loaded Header::RememberReplaced(const Inspection& found) {
  Loaded loaded = Remember(found, kDefaultCopyBytes);
  loaded.keyslots.clear();
  loaded.is_current = {};
  if (found.layout) {
    for (const HeaderCopy& copy : found.layout->copies) {
      loaded.areas.push_back({copy.offset_bytes, HeaderIo::kSectorBytes});
    }
  }
  return loaded;
}

Result<Header> Header::Load(const Context& context, HeaderIo& io, MemoryGate& gate) {
  ASSIGN_OR_RETURN(const Inspection found, InspectImage(context, io));
  RETURN_IF_ERROR(CheckIsLuks2(found));
  const Layout& layout = *found.layout;
  ASSIGN_OR_RETURN(const std::uint64_t image_size, io.SizeBytes());
  if (layout.MetadataBytes() > image_size) {
    return DataLoss(Cat("the LUKS2 header, ", layout.MetadataBytes(),
                        " bytes with its keyslots, reaches beyond the image's ", image_size));
  }
  ASSIGN_OR_RETURN(CryptDevice device, CryptDevice::Create(layout.MetadataBytes()));
  // A copy that does not count is withheld, so that libcryptsetup cannot choose otherwise.
  for (const HeaderCopy& copy : layout.copies) {
    if (copy.is_current) {
      const auto bytes = std::span(found.head).subspan(copy.offset_bytes, layout.copy_bytes);
      RETURN_IF_ERROR(device.Write(copy.offset_bytes, bytes));
    }
  }
  for (const Keyslot& slot : layout.metadata.keyslots) {
    RETURN_IF_ERROR(Fetch(io, slot.area, device));
  }
  RETURN_IF_ERROR(device.Load());
  Header header(std::move(device), gate);
  header.loaded_ = Remember(found, layout.copy_bytes);
  RETURN_IF_ERROR(header.Refresh());
  return header;
}

Result<Header> Header::Format(const Inspection& found,
                              const FormatOptions& options,
                              const Secret& passphrase,
                              MemoryGate& gate) {
  if (found.state != HeaderState::kEmpty && !options.replace_existing) {
    return FailedPrecondition("the image is not blank: it is not formatted");
  }
  if (passphrase.empty() || !(options.uuid.empty() || IsUuid(options.uuid))) {
    return InvalidArgument(passphrase.empty()
                               ? std::string("the passphrase for a new header is empty")
                               : Cat("\"", options.uuid, "\" is no UUID for a new header"));
  }
  const std::string uuid = options.uuid.empty() ? NewUuid() : options.uuid;
  // Above that of a header it replaces, so that the first new copy counts as soon as it is whole.
  const std::uint64_t first_sequence = found.layout ? found.layout->sequence + 1 : 1;
  ASSIGN_OR_RETURN(const Secret volume_key, RandomSecret(options.cipher.KeyBytes()));
  ASSIGN_OR_RETURN(const std::vector<std::byte> copies,
                   ComposeBlankHeader(options.cipher, uuid, volume_key, first_sequence));
  ASSIGN_OR_RETURN(CryptDevice device, CryptDevice::Create(kDefaultDataOffsetBytes));
  RETURN_IF_ERROR(device.Write(0, copies));
  RETURN_IF_ERROR(device.Load());
  RETURN_IF_ERROR(device.AddSlot(0, volume_key, passphrase, options.kdf));
  Header header(std::move(device), gate);
  header.loaded_ = RememberReplaced(found);
  RETURN_IF_ERROR(header.Refresh());
  return header;
}

Result<int> Header::AddKeyslot(const Context& context,
                               const Secret& known,
                               const Secret& added,
                               KdfProfile kdf) {
  RETURN_IF_ERROR(CheckEditable());
  if (added.empty()) {
    return InvalidArgument("the passphrase for a new keyslot is empty");
  }
  ASSIGN_OR_RETURN(const int slot, FreeSlot());
  ASSIGN_OR_RETURN(const Opened opened, Open(context, known));
  RETURN_IF_ERROR(device_.AddSlot(slot, opened.volume_key, added, kdf));
  RETURN_IF_ERROR(Refresh());
  RETURN_IF_ERROR(CheckSlotIsFresh(slot));
  return slot;
}

Result<int> Header::TestPassphrase(const Context& context, const Secret& passphrase) {
  ASSIGN_OR_RETURN(const Opened opened, Open(context, passphrase));
  return opened.slot;
}

Result<bool> Header::OpensSlot(const Context& context, const Secret& passphrase, int slot) {
  const Keyslot* const found = layout_.FindKeyslot(slot);
  if (found == nullptr || !layout_.IsUsable(*found)) {
    return false;
  }
  ASSIGN_OR_RETURN(const std::optional<Secret> volume_key, OpenSlot(context, passphrase, *found));
  return volume_key.has_value();
}

Status Header::DropKeyslot(int slot) {
  if (slot < 0 || slot >= kOurKeyslots) {
    return InvalidArgument(
        Cat("keyslot ", slot, " is an administrator's: only 0 and 1 are ever dropped"));
  }
  RETURN_IF_ERROR(CheckEditable());
  if (layout_.FindKeyslot(slot) == nullptr) {
    return NotFound(Cat("keyslot ", slot, " is free"));
  }
  const bool another_is_usable = std::ranges::any_of(
      layout_.metadata.keyslots,
      [&](const Keyslot& other) { return other.number != slot && layout_.IsUsable(other); });
  if (!another_is_usable) {
    return FailedPrecondition(Cat("keyslot ", slot, " is the last usable one and is kept"));
  }
  RETURN_IF_ERROR(device_.DestroySlot(slot));
  return Refresh();
}

Result<Secret> Header::VolumeKey(const Context& context, const Secret& passphrase) {
  ASSIGN_OR_RETURN(Opened opened, Open(context, passphrase));
  return std::move(opened.volume_key);
}

Status Header::WriteBack(const Context& context, HeaderIo& io) {
  ASSIGN_OR_RETURN(const std::uint64_t image_size, io.SizeBytes());
  if (image_size <= layout_.DataOffsetBytes()) {
    return OutOfRange(Cat("the image, ", image_size,
                          " bytes, has no room for data behind the header's ",
                          layout_.DataOffsetBytes()));
  }
  ASSIGN_OR_RETURN(const HeaderUpdate update, MakeUpdate());
  RETURN_IF_ERROR(luks::WriteBack(context, io, update));
  Inspection now;
  ASSIGN_OR_RETURN(now.head, ReadCopies());
  now = Inspect(std::move(now.head));
  loaded_ = Remember(now, layout_.copy_bytes);
  return OkStatus();
}

Result<std::vector<std::byte>> Header::ReadCopies() const {
  std::vector<std::byte> copies(2 * layout_.copy_bytes);
  RETURN_IF_ERROR(device_.Read(0, copies));
  return copies;
}

Status Header::Refresh() {
  std::vector<std::byte> first(2 * kDefaultCopyBytes);
  RETURN_IF_ERROR(device_.Read(0, first));
  layout_.copy_bytes = BytesToInspect(first) / 2;
  ASSIGN_OR_RETURN(std::vector<std::byte> copies, ReadCopies());
  Inspection now = Inspect(std::move(copies));
  if (now.state != HeaderState::kLuks2 || !now.layout->copies[0].is_current ||
      !now.layout->copies[1].is_current) {
    return Internal(Cat("libcryptsetup left a header that does not verify: ", now.problem));
  }
  layout_ = *std::move(now.layout);
  return OkStatus();
}

Status Header::CheckEditable() const {
  if (layout_.metadata.requirements.empty()) {
    return OkStatus();
  }
  return FailedPrecondition(
      Cat("the header forbids edits (requirements: ", Join(layout_.metadata.requirements, ", "),
          "): finish what cryptsetup began there first"));
}

Result<int> Header::FreeSlot() const {
  bool is_dropped = false;
  for (int slot = 0; slot < kOurKeyslots; ++slot) {
    if (layout_.FindKeyslot(slot) != nullptr) {
      continue;
    }
    if (std::ranges::count(loaded_.keyslots, slot) == 0) {
      return slot;
    }
    is_dropped = true;
  }
  return ResourceExhausted(is_dropped
                               ? "the only free keyslot is still in use on the image: write the "
                                 "dropped one back first"
                               : "keyslots 0 and 1 are both in use: drop one first");
}

// libcryptsetup chooses the area; it must not be one that the header on the image still uses.
Status Header::CheckSlotIsFresh(int slot) const {
  const Keyslot* const added = layout_.FindKeyslot(slot);
  const bool is_format = loaded_.keyslots.empty();
  if (added == nullptr || (!is_format && OverlapsAny(added->area, loaded_.areas))) {
    return FailedPrecondition(Cat("keyslot ", slot,
                                  " would lie where the image's header has another: write the "
                                  "dropped one back first"));
  }
  return OkStatus();
}

Result<std::optional<Secret>> Header::OpenSlot(const Context& context,
                                               const Secret& passphrase,
                                               const Keyslot& slot) {
  RETURN_IF_ERROR(context.Check(Cat("test keyslot ", slot.number)));
  RETURN_IF_ERROR(CheckKdfCost(slot));
  Result<MemoryGate::Pass> pass = gate_->Enter(context, slot.kdf.memory_kib * 1024);
  if (!pass.ok()) {
    return Annotate(pass.status(), Cat("keyslot ", slot.number));
  }
  return device_.OpenSlot(slot.number, passphrase);
}

Result<Header::Opened> Header::Open(const Context& context, const Secret& passphrase) {
  const std::vector<Keyslot> slots = InOrderOfCost(layout_);
  if (slots.empty()) {
    return FailedPrecondition(
        "the LUKS2 header has no usable keyslot: its format was cut short, "
        "or its keys were erased");
  }
  for (const Keyslot& slot : slots) {
    ASSIGN_OR_RETURN(std::optional<Secret> volume_key, OpenSlot(context, passphrase, slot));
    if (volume_key) {
      return Opened{slot.number, *std::move(volume_key)};
    }
  }
  return Unauthenticated(Cat("the key opens none of the header's ", slots.size(),
                             " keyslots: it is not (or no longer) this volume's key"));
}

Result<HeaderUpdate> Header::MakeUpdate() const {
  ASSIGN_OR_RETURN(const std::vector<std::byte> copies, ReadCopies());
  HeaderUpdate update;
  for (std::size_t i = 0; i < update.copies.size(); ++i) {
    CopyUpdate& copy = update.copies[i];
    copy.offset_bytes = i * layout_.copy_bytes;
    copy.expected_sector = loaded_.sectors[i];
    copy.was_current = loaded_.is_current[i];
    const auto desired = std::span(copies).subspan(copy.offset_bytes, layout_.copy_bytes);
    copy.desired.assign(desired.begin(), desired.end());
  }
  for (const Keyslot& slot : layout_.metadata.keyslots) {
    if (std::ranges::count(loaded_.keyslots, slot.number) > 0) {
      continue;
    }
    AreaUpdate area = {slot.area.offset_bytes, std::vector<std::byte>(slot.area.length_bytes)};
    RETURN_IF_ERROR(device_.Read(area.offset_bytes, area.bytes));
    update.new_areas.push_back(std::move(area));
  }
  // Those of a larger header that was replaced may lie where data is now: they stay.
  const std::vector<ByteRange> used = layout_.UsedExtents();
  std::ranges::copy_if(
      loaded_.areas, std::back_inserter(update.dropped_areas), [&](const ByteRange& area) {
        return !OverlapsAny(area, used) && area.end_bytes() <= layout_.DataOffsetBytes();
      });
  return update;
}

Result<int> ProveOpens(const Context& context,
                       HeaderIo& io,
                       const Secret& passphrase,
                       MemoryGate& gate) {
  ASSIGN_OR_RETURN(Header header, Header::Load(context, io, gate));
  return header.TestPassphrase(context, passphrase);
}

}  // namespace rbdcrypt::rbd::luks
