// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rbd/attach/rbd_bus.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {

// The files of the kernel's RBD client in a folder of a test: a request written to add_single_major
// becomes a device, an id written to remove_single_major takes one away.
class FakeRbdKernel {
 public:
  FakeRbdKernel();

  rbd::attach::RbdBus& bus() { return bus_; }

  std::string SysfsRoot() const { return folder_.File("sys"); }

  // The path of a device node, a plain file here; content may be written to it.
  std::string Node(std::string_view name) const;

  void WriteNode(std::string_view name, std::string_view content);

  // Makes a device as if somebody had mapped it. Returns its number.
  int AddDevice(const std::string& pool, const std::string& image, bool read_only = false);

  // The cluster of every device made from now on.
  void SetClusterFsid(std::string_view fsid) { cluster_fsid_ = fsid; }

  void RemoveDevice(int id);

  // From now on every read of it fails: with EIO, as that of a dead device, or with another error.
  void BreakNode(std::string_view name);
  void ObstructNode(std::string_view name);
  void RemoveNode(std::string_view name);

  // The errors that the next writes get, the first first; 0 is none.
  void FailNext(std::vector<int> errors) { errors_ = std::move(errors); }

  // "add_single_major: 10.0.0.1:6789 …", in order.
  const std::vector<std::string>& writes() const { return writes_; }

  // What a newly mapped device holds from byte 0.
  void SetContent(std::string content) { content_ = std::move(content); }

 private:
  int Write(const std::string& path, std::string_view text);

  TempDir folder_;
  std::vector<int> errors_;
  std::vector<std::string> writes_;
  std::string content_;
  std::string cluster_fsid_ = "cluster-1";
  int next_id_ = 0;
  rbd::attach::RbdBus bus_;
};

}  // namespace rbdcrypt::testing
