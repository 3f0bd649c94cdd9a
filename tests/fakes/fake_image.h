// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbd/image_store.h"
#include "tests/fakes/fake_seat.h"

namespace rbdcrypt::testing {

// An open image of a FakeCeph. Writes are durable at once (librbd with rbd_cache=false). What was
// ever written counts as allocated, in units of 512 bytes; extents end at object boundaries.
// Writing through a read-only handle is kFailedPrecondition (EROFS).
class FakeImage final : public rbd::Image {
 public:
  // `handle` tells its watch from others; 0 where it has none.
  FakeImage(FakeSeat seat,
            std::shared_ptr<FakeImageData> data,
            rbd::OpenMode mode,
            std::uint64_t handle);
  ~FakeImage() override;

  std::string Id() const override;
  Result<std::uint64_t> SizeBytes() override;
  Result<std::uint64_t> Features() override;
  Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) override;
  Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data) override;
  Status Flush() override;
  Status CompareAndWrite(std::uint64_t offset_bytes,
                         std::span<const std::byte, kSectorBytes> expected,
                         std::span<const std::byte, kSectorBytes> desired) override;
  Result<std::string> GetMetadata(std::string_view key) override;
  Status SetAllMetadata(const std::map<std::string, std::string>& pairs) override;
  Status RemoveMetadata(std::string_view key) override;
  Result<std::map<std::string, std::string>> ListMetadata() override;
  Result<std::vector<rbd::Watcher>> Watchers() override;
  Result<std::vector<rbd::Snapshot>> Snapshots() override;
  Result<std::optional<rbd::Extent>> FirstExtentFrom(std::uint64_t from_bytes) override;
  Status Grow(std::uint64_t size_bytes) override;

 private:
  Status Ask(const std::function<Status()>& question) const;
  Status Change(const std::function<Result<FakeEffect>()>& plan) const;
  Status CheckRange(std::uint64_t offset_bytes, std::size_t length) const;

  const FakeSeat seat_;
  const std::shared_ptr<FakeImageData> data_;
  const rbd::OpenMode mode_;
  const std::uint64_t handle_;
};

}  // namespace rbdcrypt::testing
