// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// An RBD device of this kernel, as /sys/bus/rbd/devices/<id> describes it.
struct RbdDevice {
  std::string id;
  std::string pool;
  std::string rados_namespace;
  std::string image;
  // "-" where no snapshot is mapped.
  std::string snapshot;
  std::string major;
  std::string minor;
  // The UUID of its Ceph cluster; "" on kernels before 4.9.
  std::string cluster_fsid;
  bool read_only = false;

  // "rbd0", as in /sys/block and /dev.
  std::string Name() const { return "rbd" + id; }
};

// The kernel's interface for mapping RBD images: files under /sys/bus/rbd (Linux
// Documentation/ABI/testing/sysfs-bus-rbd). Thread safe; holds nothing.
class RbdBus {
 public:
  struct Options {
    std::string sysfs_root = "/sys";
    std::string dev_root = "/dev";
    // Whether `path` is the device's node. Replaced by tests.
    std::function<bool(const std::string& path, const RbdDevice& device)> is_node;
    // Hands one text to a file of the kernel's; 0 or an errno. Replaced by tests.
    std::function<int(const std::string& path, std::string_view text)> write;
  };

  RbdBus();
  explicit RbdBus(Options options);

  // Whether the module is there.
  bool Exists() const;

  const std::string& dev_root() const { return options_.dev_root; }

  // The feature bits this kernel can map; 0 where it does not say. kUnavailable: cannot be read.
  Result<std::uint64_t> SupportedFeatures() const;

  // Every mapped device, by ascending id; none where the module is not loaded. kUnavailable: they
  // cannot be listed or read, which never means that there are none (safety A4).
  Result<std::vector<RbdDevice>> List() const;

  // "/dev/rbd0", once the node is there and is that device. kFailedPrecondition: it does not
  // appear, as in a container with a /dev of its own.
  Result<std::string> WaitForNode(const Context& context, const RbdDevice& device) const;

  // Maps what `request` says, "monitors options pool image snapshot"; blocks until the kernel has
  // (mount_timeout, 60 s). The errno, or 0.
  int Add(std::string_view request) const;

  // Unmaps; `options` may be "force". The errno, or 0; EBUSY while it is open.
  int Remove(const RbdDevice& device, std::string_view options) const;

  // Has the kernel read the image's size again.
  int Refresh(const RbdDevice& device) const;

 private:
  int WriteBusFile(std::string_view name, std::string_view text) const;

  Options options_;
};

// The names of RBD feature bits as imageFeatures spells them, joined by commas; a bit without a
// name is given as a number.
std::string FeatureNames(std::uint64_t features);

}  // namespace rbdcrypt::rbd::attach
