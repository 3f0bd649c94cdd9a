// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/rbd_bus.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/encoding.h"
#include "base/strings.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

// devtmpfs makes the node before the kernel's write returns; a copy of it by udev may be late.
constexpr auto kNodePatience = std::chrono::seconds(10);
constexpr auto kNodePause = std::chrono::milliseconds(20);

// rbd/features.h of Ceph, in the order of the bits.
constexpr std::array<std::string_view, 12> kFeatures = {
    "layering",   "striping",  "exclusive-lock", "object-map", "fast-diff",   "deep-flatten",
    "journaling", "data-pool", "operations",     "migrating",  "non-primary", "dirty-cache",
};

// Nothing where the device went away meanwhile. Kernels before 4.19 have no pool_ns, those before
// 4.9 no cluster_fsid, those before 3.14 no minor: what may be missing is read first, for a device
// that is just going away then lacks one of the others, too.
Result<std::optional<RbdDevice>> ReadDevice(const fs::path& folder, const fs::path& sysfs_root) {
  RbdDevice device;
  device.id = folder.filename();
  ASSIGN_OR_RETURN(const auto rados_namespace, ReadFirstLine(folder / "pool_ns"));
  ASSIGN_OR_RETURN(const auto cluster_fsid, ReadFirstLine(folder / "cluster_fsid"));
  ASSIGN_OR_RETURN(const auto minor, ReadFirstLine(folder / "minor"));
  ASSIGN_OR_RETURN(const auto ro, ReadFirstLine(sysfs_root / "block" / device.Name() / "ro"));
  ASSIGN_OR_RETURN(const auto snapshot, ReadFirstLine(folder / "current_snap"));
  ASSIGN_OR_RETURN(const auto image, ReadFirstLine(folder / "name"));
  ASSIGN_OR_RETURN(const auto pool, ReadFirstLine(folder / "pool"));
  ASSIGN_OR_RETURN(const auto major, ReadFirstLine(folder / "major"));
  if (!pool || !image || !snapshot || !major) {
    return std::nullopt;
  }
  device.pool = *pool;
  device.rados_namespace = rados_namespace.value_or("");
  device.image = *image;
  device.snapshot = *snapshot;
  device.major = *major;
  device.cluster_fsid = cluster_fsid.value_or("");
  device.minor = minor.value_or("0");
  device.read_only = ro == "1";
  return device;
}

bool IsNodeOf(const std::string& path, const RbdDevice& device) {
  struct stat status {};

  return stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode) &&
         Cat(major(status.st_rdev)) == device.major && Cat(minor(status.st_rdev)) == device.minor;
}

}  // namespace

RbdBus::RbdBus() : RbdBus(Options{}) {}

RbdBus::RbdBus(Options options) : options_(std::move(options)) {
  if (!options_.write) {
    options_.write = WriteKernelFile;
  }
  if (!options_.is_node) {
    options_.is_node = IsNodeOf;
  }
}

bool RbdBus::Exists() const {
  std::error_code error;
  return fs::exists(options_.sysfs_root + "/bus/rbd", error);
}

Result<std::uint64_t> RbdBus::SupportedFeatures() const {
  ASSIGN_OR_RETURN(const auto line,
                   ReadFirstLine(options_.sysfs_root + "/bus/rbd/supported_features"));
  const std::string_view digits = Trim(line ? std::string_view(*line) : "");
  return ParseHexUint(digits.starts_with("0x") ? digits.substr(2) : digits).value_or(0);
}

Result<std::vector<RbdDevice>> RbdBus::List() const {
  const fs::path root = options_.sysfs_root;
  const fs::path folder = root / "bus/rbd/devices";
  const auto ids = ListFolder(folder);
  std::vector<RbdDevice> devices;
  if (ids.status().code() == Code::kNotFound) {
    return devices;
  }
  RETURN_IF_ERROR(ids.status());
  for (const std::string& id : *ids) {
    ASSIGN_OR_RETURN(auto device, ReadDevice(folder / id, root));
    if (device) {
      devices.push_back(*std::move(device));
    }
  }
  std::ranges::sort(devices, {}, [](const RbdDevice& device) {
    return ParseUint64(device.id).value_or(UINT64_MAX);
  });
  return devices;
}

Result<std::string> RbdBus::WaitForNode(const Context& context, const RbdDevice& device) const {
  std::string path = Cat(options_.dev_root, "/", device.Name());
  const auto give_up = context.clock().Now() + kNodePatience;
  while (!options_.is_node(path, device)) {
    RETURN_IF_ERROR(context.Check(Cat("waiting for ", path)));
    if (context.clock().Now() >= give_up) {
      return FailedPrecondition(Cat("image ", device.image, " is mapped, but ", path,
                                    " is not device ", device.major, ":", device.minor,
                                    "; is the host's /dev mounted into the container?"));
    }
    context.clock().SleepUntil(context.clock().Now() + kNodePause);
  }
  return path;
}

int RbdBus::Add(std::string_view request) const {
  return WriteBusFile("add", request);
}

int RbdBus::Remove(const RbdDevice& device, std::string_view options) const {
  return WriteBusFile("remove", options.empty() ? device.id : Cat(device.id, " ", options));
}

int RbdBus::Refresh(const RbdDevice& device) const {
  return options_.write(Cat(options_.sysfs_root, "/bus/rbd/devices/", device.id, "/refresh"), "1");
}

// With the parameter single_major, the default of the module since 3.14, the old names refuse.
int RbdBus::WriteBusFile(std::string_view name, std::string_view text) const {
  const std::string old_path = Cat(options_.sysfs_root, "/bus/rbd/", name);
  std::error_code error;
  const std::string path = old_path + "_single_major";
  return options_.write(fs::exists(path, error) ? path : old_path, text);
}

std::string FeatureNames(std::uint64_t features) {
  std::vector<std::string> names;
  for (std::size_t bit = 0; bit < 64; ++bit) {
    if ((features >> bit & 1U) != 0) {
      names.push_back(bit < kFeatures.size() ? std::string(kFeatures.at(bit)) : Cat("bit-", bit));
    }
  }
  return Join(names, ",");
}

}  // namespace rbdcrypt::rbd::attach
