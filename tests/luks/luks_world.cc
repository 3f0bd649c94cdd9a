// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/luks/luks_world.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

#include <zlib.h>

#include "base/strings.h"
#include "rbd/luks/binary_header.h"

namespace rbdcrypt::rbd::luks {

using testing::FakeHeaderIo;

Status FormatImage(HeaderIo& io, std::string_view key) {
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(const Inspection found, InspectImage(context, io));
  FormatOptions options;
  options.uuid = kUuid;
  ASSIGN_OR_RETURN(Header header, Header::Format(found, options, Secret(key)));
  return header.WriteBack(context, io);
}

Result<int> AddKey(HeaderIo& io, std::string_view known, std::string_view added) {
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(Header header, Header::Load(context, io));
  ASSIGN_OR_RETURN(const int slot, header.AddKeyslot(context, Secret(known), Secret(added)));
  RETURN_IF_ERROR(header.WriteBack(context, io));
  return slot;
}

Status DropSlot(HeaderIo& io, int slot) {
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(Header header, Header::Load(context, io));
  RETURN_IF_ERROR(header.DropKeyslot(slot));
  return header.WriteBack(context, io);
}

Result<int> Opens(HeaderIo& io, std::string_view key) {
  return ProveOpens(Context::Background(), io, Secret(key));
}

FakeHeaderIo ImageWithK0() {
  static const FakeHeaderIo image = [] {
    FakeHeaderIo io;
    RBDCRYPT_CHECK(FormatImage(io, kK0).ok());
    return io.AfterCrash(testing::Loss::kAll);
  }();
  return image;
}

FakeHeaderIo ImageWithK0AndK1() {
  static const FakeHeaderIo image = [] {
    FakeHeaderIo io = ImageWithK0();
    RBDCRYPT_CHECK(AddKey(io, kK0, kK1).ok());
    return io.AfterCrash(testing::Loss::kAll);
  }();
  return image;
}

std::vector<std::byte> CopiesWithK0() {
  return ImageWithK0().Peek(0, 2 * kDefaultCopyBytes);
}

std::string JsonOf(const std::vector<std::byte>& copies) {
  return reinterpret_cast<const char*>(&copies[kBinaryHeaderBytes]);
}

std::vector<std::byte> SealedCopies(std::string_view json) {
  std::vector<std::byte> copies(2 * kDefaultCopyBytes);
  BinaryHeader header;
  header.sequence = 7;
  header.uuid = kUuid;
  for (const CopyRole role : {CopyRole::kFirst, CopyRole::kSecond}) {
    header.offset_bytes = role == CopyRole::kFirst ? 0 : kDefaultCopyBytes;
    const auto copy = std::span(copies).subspan(header.offset_bytes, kDefaultCopyBytes);
    const std::size_t room = kDefaultCopyBytes - kBinaryHeaderBytes;
    std::memcpy(&copy[kBinaryHeaderBytes], json.data(), std::min(json.size(), room));
    RBDCRYPT_CHECK(SealCopy(role, header, copy).ok());
  }
  return copies;
}

FakeHeaderIo RecordedImage(std::string_view name) {
  std::ifstream file(Cat(RBDCRYPT_VECTORS, "/luks/", name), std::ios::binary);
  const std::string packed{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> head(16 * 1024 * 1024);
  uLongf size = head.size();
  RBDCRYPT_CHECK(uncompress(reinterpret_cast<Bytef*>(head.data()), &size,
                            reinterpret_cast<const Bytef*>(packed.data()), packed.size()) == Z_OK);
  FakeHeaderIo io;
  // Two slots at most: the rest is zeros.
  io.Poke(0, std::span(head).first(1024 * 1024));
  return io;
}

void FlipBit(FakeHeaderIo& io, std::uint64_t offset_bytes) {
  std::vector<std::byte> byte = io.Peek(offset_bytes, 1);
  byte[0] ^= std::byte{1};
  io.Poke(offset_bytes, byte);
}

}  // namespace rbdcrypt::rbd::luks
