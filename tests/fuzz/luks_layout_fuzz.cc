// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// The LUKS2 header of an image, which anybody with access to the pool can write. The first byte
// chooses: even, the rest is an image from 0; odd, the rest is the JSON area of a copy whose
// checksum is right, which no chance would find.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/status.h"
#include "rbd/luks/binary_header.h"
#include "rbd/luks/layout.h"

namespace rbdcrypt::rbd::luks {
namespace {

// What the rest of the folder relies on when it reads and writes by a parsed layout.
void CheckLayout(const Inspection& found) {
  RBDCRYPT_CHECK(found.layout->MetadataBytes() <= kMaxMetadataBytes);
  RBDCRYPT_CHECK(found.layout->copies[0].is_current || found.layout->copies[1].is_current);
  const std::vector<ByteRange> extents = found.layout->UsedExtents();
  for (std::size_t i = 0; i < extents.size(); ++i) {
    RBDCRYPT_CHECK(extents[i].length_bytes > 0);
    RBDCRYPT_CHECK(extents[i].offset_bytes <= kMaxMetadataBytes);
    RBDCRYPT_CHECK(extents[i].end_bytes() <= found.layout->MetadataBytes());
    for (std::size_t j = 0; j < i; ++j) {
      RBDCRYPT_CHECK(!extents[i].Overlaps(extents[j]));
    }
  }
  for (int slot = 0; slot < kMaxKeyslots; ++slot) {
    const Keyslot* const keyslot = found.layout->FindKeyslot(slot);
    RBDCRYPT_CHECK(keyslot == nullptr || keyslot->number == slot);
  }
}

void InspectHead(std::vector<std::byte> head) {
  static_cast<void>(BytesToInspect(head));
  const Inspection found = Inspect(std::move(head));
  RBDCRYPT_CHECK(CheckIsLuks2(found).ok() == (found.state == HeaderState::kLuks2));
  if (found.layout) {
    CheckLayout(found);
  }
}

void InspectJson(std::span<const std::byte> json) {
  std::vector<std::byte> copy(kDefaultCopyBytes);
  const std::size_t size = std::min(json.size(), copy.size() - kBinaryHeaderBytes);
  std::copy_n(json.begin(), size, copy.begin() + kBinaryHeaderBytes);
  RBDCRYPT_CHECK(SealCopy(CopyRole::kFirst, BinaryHeader{}, copy).ok());
  InspectHead(std::move(copy));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
  if (data[0] % 2 == 0) {
    rbdcrypt::rbd::luks::InspectHead({bytes.begin(), bytes.end()});
  } else {
    rbdcrypt::rbd::luks::InspectJson(bytes);
  }
  return 0;
}
