// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "rbd/image.h"
#include "rbd/luks/header_io.h"
#include "rotation/dek_rotation.h"
#include "tests/rbd/volume_world.h"

namespace rbdcrypt::testing {

// A key that no key manager made.
inline constexpr std::string_view kThirdKey = "X-random-text-of-28-chars--=";

// One encrypted volume of a VolumeWorld, whose keyslots and stored DEKs a test arranges, and the
// program that made it and rotates it.
class RotationWorld {
 public:
  // With KMS "store", which keeps DEKs as `of_store` says, or "wrap", which wraps them.
  explicit RotationWorld(const std::string& kms_id = "store",
                         const FakeKms::Options& of_store = {.id = "store"});

  Result<rotation::RotationReport> Rotate(const rotation::RotationOptions& options = {}) {
    return Rotate(driver(), options);
  }

  Result<rotation::RotationReport> Rotate(Driver& by,
                                          const rotation::RotationOptions& options = {}) const;

  // The same with its header somewhere else than in the image.
  Result<rotation::RotationReport> RotateThrough(rbd::luks::HeaderIo& header) const;

  // Rotates until it succeeds, as an automatic caller does: after each transient error time passes
  // by which locks run out and, the second time, late writes have landed or never will.
  Result<rotation::RotationReport> RotateAtLast(const rotation::RotationOptions& options = {});

  // The keyslots 0 and 1, by the keys that open them; "" for free. One of them must be the key of
  // `known`, which opens the header now.
  void ArrangeKeyslots(std::string_view known,
                       std::string_view slot_0,
                       std::string_view slot_1) const;

  // Adds keyslot `number` as an administrator would.
  void AddKeyslot(int number, std::string_view known, std::string_view added) const;

  // Stores `current` with `previous` as the one before it; "" for none.
  void ArrangeStore(std::string_view current, std::string_view previous) const;

  // The DEKs as the store has them now, past all faults; "" for none.
  std::string Current() const;
  std::string Previous() const;

  // Keys by keyslot: "K1 -" by what `names` calls them, '-' for free, '?' for what none opens.
  using Names = std::vector<std::pair<std::string_view, std::string>>;
  std::string Keyslots(const Names& names) const;

  // The numbers of the used keyslots.
  std::vector<int> UsedKeyslots() const;

  // Ok if the current DEK opens the only keyslot of ours, and that alone.
  Status CheckWhole() const;

  std::string Metadata(std::string_view key) const;
  std::unique_ptr<rbd::Image> Image() const;

  Driver& driver() const { return *driver_; }

  FakeKms& kms() const { return *world_.store; }

  FakeCeph& ceph() const { return world_.ceph; }

  FakeClock& clock() const { return world_.clock; }

  VolumeWorld& world() const { return world_; }

  const std::string& volume_id() const { return volume_.volume_id; }

  const std::string& image_name() const { return volume_.image_name; }

 private:
  kms::Kms& Kms() const;

  mutable VolumeWorld world_;
  std::string kms_id_;
  std::unique_ptr<Driver> driver_;
  rbd::CreatedVolume volume_;
};

}  // namespace rbdcrypt::testing
