// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rbd/omap.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Keys asked for at a time: an OSD answers at most osd_max_omap_entries_per_request, 1024.
inline constexpr std::uint64_t kOmapPageKeys = 512;

// Omap on librados. Each change is one RADOS operation, so a crash leaves all of it or nothing.
//
// RADOS compares an absent key as "" (safety G4), so SetNew() reads first to refuse a key that is
// there with an empty value; a writer of empty values who comes between the read and the write goes
// unseen, and neither this driver nor ceph-csi writes such a directory key.
class RadosOmap final : public Omap {
 public:
  explicit RadosOmap(std::shared_ptr<RadosPool> pool) : pool_(std::move(pool)) {}

  Status CreateObject(std::string_view object, const OmapValues& values) override;
  Status RemoveObject(std::string_view object) override;
  Result<bool> ObjectExists(std::string_view object) override;
  Result<OmapValues> List(std::string_view object, std::string_view prefix) override;
  Result<std::string> Get(std::string_view object, std::string_view key) override;
  Status Set(std::string_view object, const OmapValues& values) override;
  Status SetNew(std::string_view object, std::string_view key, std::string_view value) override;
  Status CompareAndSet(std::string_view object,
                       std::string_view key,
                       std::string_view expected,
                       const OmapValues& values) override;
  Status RemoveKey(std::string_view object, std::string_view key, std::string_view value) override;
  Result<std::vector<std::string>> ListObjects(std::string_view prefix) override;

 private:
  // One page of List() into `values`; whether there is more after the last key.
  Result<bool> ListPage(const std::string& object, const std::string& prefix, OmapValues& values);

  std::shared_ptr<RadosPool> pool_;
};

}  // namespace rbdcrypt::rbd
