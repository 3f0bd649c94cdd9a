// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbd/image_store.h"
#include "tests/fakes/fake_seat.h"

namespace rbdcrypt::testing {

// How long RADOS remembers the watch of a client that no longer answers (osd_client_watch_timeout).
inline constexpr std::chrono::seconds kWatchTimeout{30};

// The images of a FakeCeph.
class FakeImageStore final : public rbd::ImageStore {
 public:
  explicit FakeImageStore(FakeSeat seat) : seat_(std::move(seat)) {}

  Status Create(std::string_view name, const rbd::ImageLayout& layout) override;
  Result<std::unique_ptr<rbd::Image>> Open(std::string_view name, rbd::OpenMode mode) override;
  Result<std::unique_ptr<rbd::Image>> OpenSnapshot(std::string_view name,
                                                   std::uint64_t snapshot_id) override;
  Result<std::vector<std::string>> List() override;
  Status MoveToTrash(std::string_view name) override;
  Result<std::vector<rbd::TrashEntry>> ListTrash() override;
  Result<std::unique_ptr<rbd::Image>> OpenTrashed(std::string_view image_id) override;
  Status PurgeFromTrash(std::string_view image_id) override;

 private:
  const FakeSeat seat_;
};

// Forgets the watches of clients that died long enough ago, and gives the rest.
const std::vector<FakeWatch>& LiveWatches(FakeImageData& image, Clock::TimePoint now);

}  // namespace rbdcrypt::testing
