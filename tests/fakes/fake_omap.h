// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rbd/omap.h"
#include "tests/fakes/fake_seat.h"

namespace rbdcrypt::testing {

// The omaps of a FakeCeph.
class FakeOmap final : public rbd::Omap {
 public:
  explicit FakeOmap(FakeSeat seat) : seat_(std::move(seat)) {}

  Status CreateObject(std::string_view object, const rbd::OmapValues& values) override;
  Status RemoveObject(std::string_view object) override;
  Result<bool> ObjectExists(std::string_view object) override;
  Result<rbd::OmapValues> List(std::string_view object, std::string_view prefix) override;
  Result<std::string> Get(std::string_view object, std::string_view key) override;
  Status Set(std::string_view object, const rbd::OmapValues& values) override;
  Status SetNew(std::string_view object, std::string_view key, std::string_view value) override;
  Status CompareAndSet(std::string_view object,
                       std::string_view key,
                       std::string_view expected,
                       const rbd::OmapValues& values) override;
  Status RemoveKey(std::string_view object, std::string_view key, std::string_view value) override;
  Result<std::vector<std::string>> ListObjects(std::string_view prefix) override;

 private:
  const FakeSeat seat_;
};

}  // namespace rbdcrypt::testing
