// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/crash_points.h"

#include "csi/crash_points.h"
#include "rbd/attach/crash_points.h"
#include "rbd/crash_points.h"
#include "rbd/luks/crash_points.h"
#include "rotation/crash_points.h"

namespace rbdcrypt::cmd {
namespace {

template <typename Table>
void Append(std::vector<std::string_view>& all, const Table& table) {
  all.insert(all.end(), table.begin(), table.end());
}

}  // namespace

std::vector<std::string_view> AllCrashPoints() {
  std::vector<std::string_view> all;
  Append(all, rbd::kCrashPoints);
  Append(all, rbd::luks::kCrashPoints);
  Append(all, rbd::attach::kCrashPoints);
  Append(all, rotation::kCrashPoints);
  Append(all, csi::kCrashPoints);
  return all;
}

}  // namespace rbdcrypt::cmd
