// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/subprocess.h"
#include "rbd/attach/attacher.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {

// The cluster that `eval "$(dev/ceph env)"` speaks of, through the rbd program; nothing where the
// environment has none, or this is not root's.
class RealCluster {
 public:
  static std::optional<RealCluster> FromEnvironment();

  const rbd::attach::ClusterAccess& access() const { return access_; }

  Command RbdCommand(const std::vector<std::string>& arguments) const;

  // What `rbd <arguments>` prints; a failing one ends the test program.
  std::string Rbd(const std::vector<std::string>& arguments) const;

  std::uint64_t ImageSize(const std::string& image) const;

  static constexpr char kPool[] = "rbd";

 private:
  rbd::attach::ClusterAccess access_;
  std::string key_file_;
};

// A new image, removed on destruction if nobody watches it: empty, or with a LUKS2 header (one
// slot, a fast KDF) as cryptsetup makes it.
class RealImage {
 public:
  enum class Kind { kPlain, kLuks };

  RealImage(const RealCluster& cluster, Kind kind);
  ~RealImage();
  RealImage(const RealImage&) = delete;
  RealImage& operator=(const RealImage&) = delete;

  static constexpr std::uint64_t kBytes = std::uint64_t{64} << 20;
  // What of it the header takes.
  static constexpr std::uint64_t kHeaderBytes = std::uint64_t{16} << 20;

  const std::string& name() const { return name_; }

  // Its volume ID, and the DEK that opens it: any bytes may be in one.
  std::string volume_id() const { return "0001-" + name_; }

  const Secret& dek() const { return dek_; }

  rbd::attach::AttachRequest Request() const;
  rbd::attach::AttachmentKey Key() const;

 private:
  const RealCluster& cluster_;
  Kind kind_;
  std::string name_;
  Secret dek_;
};

// Writes all of `text` to a device, durably; a failure is one of the calling test.
void WriteAt(const std::string& device, std::int64_t offset_bytes, std::string_view text);

// `size` bytes of a device, or the error's text.
std::string ReadAt(const std::string& device, std::int64_t offset_bytes, std::size_t size);

#ifdef RBDCRYPT_CRASH_POINTS
// Runs `step` in a process of its own, which is killed as it passes `point`; that it does not pass
// is a failure of the calling test.
void CrashAt(std::string_view point, const std::function<void()>& step);
#endif

}  // namespace rbdcrypt::testing
