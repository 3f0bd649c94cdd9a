// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/rbd/recorded_pool.h"

#include <fstream>
#include <iterator>
#include <map>

#include "base/json.h"
#include "rbd/omap.h"

namespace rbdcrypt::testing {

void LoadRecording(FakeCeph& ceph, const std::string& file) {
  std::ifstream in(RBDCRYPT_VECTORS "/ceph-csi/" + file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const Json state = ParseJson(text, file).value();
  rbd::Pool& pool = ceph.Admin();
  for (const auto& [object, values] : state.at("omap").items()) {
    RBDCRYPT_CHECK(pool.omap().Set(object, values.get<rbd::OmapValues>()).ok());
  }
  for (const auto& [name, recorded] : state.at("images").items()) {
    const std::uint64_t size = recorded.at("size").get<std::uint64_t>();
    RBDCRYPT_CHECK(pool.images().Create(name, {.size_bytes = size}).ok());
    const auto image = pool.images().Open(name, rbd::OpenMode::kReadWrite);
    const auto metadata = recorded.at("metadata").get<std::map<std::string, std::string>>();
    RBDCRYPT_CHECK((*image)->SetAllMetadata(metadata).ok());
  }
}

}  // namespace rbdcrypt::testing
