// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_header_io.h"

#include <algorithm>
#include <random>

namespace rbdcrypt::testing {

Status FakeHeaderIo::Begin() const {
  return effects_left_ == 0 ? Unavailable("the client is dead") : OkStatus();
}

Status FakeHeaderIo::Done() {
  ++effects_;
  if (effects_left_ > 0) {
    --effects_left_;
  }
  if (hook_) {
    hook_(effects_);
  }
  return OkStatus();
}

FakeHeaderIo::Sector FakeHeaderIo::Get(std::uint64_t index) const {
  for (const auto* sectors : {&unflushed_, &durable_}) {
    if (const auto found = sectors->find(index); found != sectors->end()) {
      return found->second;
    }
  }
  return {};
}

void FakeHeaderIo::Put(std::uint64_t offset_bytes, std::span<const std::byte> data, bool durable) {
  while (!data.empty()) {
    const std::uint64_t index = offset_bytes / kSectorBytes;
    const std::size_t start = offset_bytes % kSectorBytes;
    const std::size_t length = std::min(kSectorBytes - start, data.size());
    Sector sector = Get(index);
    std::copy_n(data.begin(), length, sector.begin() + static_cast<std::ptrdiff_t>(start));
    (durable ? durable_ : unflushed_)[index] = sector;
    if (durable) {
      unflushed_.erase(index);
    }
    data = data.subspan(length);
    offset_bytes += length;
  }
}

std::vector<std::byte> FakeHeaderIo::Peek(std::uint64_t offset_bytes, std::size_t length) const {
  std::vector<std::byte> out;
  while (out.size() < length) {
    const Sector sector = Get(offset_bytes / kSectorBytes);
    const std::size_t start = offset_bytes % kSectorBytes;
    const std::size_t part = std::min(kSectorBytes - start, length - out.size());
    const auto from = sector.begin() + static_cast<std::ptrdiff_t>(start);
    out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(part));
    offset_bytes += part;
  }
  return out;
}

void FakeHeaderIo::Poke(std::uint64_t offset_bytes, std::span<const std::byte> data) {
  Put(offset_bytes, data, /*durable=*/true);
}

Status FakeHeaderIo::Read(std::uint64_t offset_bytes, std::span<std::byte> out) {
  RETURN_IF_ERROR(Begin());
  if (offset_bytes > size_bytes_ || out.size() > size_bytes_ - offset_bytes) {
    return OutOfRange("read beyond the end of the image");
  }
  std::ranges::copy(Peek(offset_bytes, out.size()), out.begin());
  return OkStatus();
}

Status FakeHeaderIo::Write(std::uint64_t offset_bytes, std::span<const std::byte> data) {
  RETURN_IF_ERROR(Begin());
  if (offset_bytes > size_bytes_ || data.size() > size_bytes_ - offset_bytes) {
    return OutOfRange("write beyond the end of the image");
  }
  Put(offset_bytes, data, /*durable=*/false);
  return Done();
}

Status FakeHeaderIo::Flush() {
  RETURN_IF_ERROR(Begin());
  for (const auto& [index, sector] : unflushed_) {
    durable_[index] = sector;
  }
  unflushed_.clear();
  return Done();
}

Status FakeHeaderIo::CompareAndWrite(std::uint64_t offset_bytes,
                                     std::span<const std::byte, kSectorBytes> expected,
                                     std::span<const std::byte, kSectorBytes> desired) {
  RETURN_IF_ERROR(Begin());
  if (offset_bytes % kSectorBytes != 0) {
    return InvalidArgument("compare-and-write takes an aligned sector");
  }
  if (!std::ranges::equal(Get(offset_bytes / kSectorBytes), expected)) {
    return Aborted("the sector holds something else");
  }
  Put(offset_bytes, desired, /*durable=*/false);
  return Done();
}

FakeHeaderIo FakeHeaderIo::AfterCrash(Loss loss, std::uint32_t seed) const {
  FakeHeaderIo next(size_bytes_);
  next.durable_ = durable_;
  std::mt19937 random(seed);
  for (const auto& [index, sector] : unflushed_) {
    if (loss == Loss::kNothing || (loss == Loss::kSome && random() % 2 == 0)) {
      next.durable_[index] = sector;
    }
  }
  return next;
}

}  // namespace rbdcrypt::testing
