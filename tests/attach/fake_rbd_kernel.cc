// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/attach/fake_rbd_kernel.h"

#include <cerrno>
#include <filesystem>

#include "base/strings.h"

namespace rbdcrypt::testing {

namespace fs = std::filesystem;

FakeRbdKernel::FakeRbdKernel()
    : content_(8192, '\0'),
      bus_(rbd::attach::RbdBus::Options{
          .sysfs_root = folder_.File("sys"),
          .dev_root = folder_.File("dev"),
          .is_node = [](const std::string& path,
                        const rbd::attach::RbdDevice&) { return fs::exists(path); },
          .write = [this](const std::string& path,
                          std::string_view text) { return Write(path, text); }}) {
  folder_.Write("sys/bus/rbd/add_single_major", "");
  folder_.Write("sys/bus/rbd/remove_single_major", "");
  folder_.Write("sys/bus/rbd/supported_features", "0x1ff\n");
  fs::create_directories(folder_.File("sys/block"));
}

std::string FakeRbdKernel::Node(std::string_view name) const {
  return folder_.File(Cat("dev/", name));
}

void FakeRbdKernel::WriteNode(std::string_view name, std::string_view content) {
  folder_.Write(Cat("dev/", name), content);
}

int FakeRbdKernel::AddDevice(const std::string& pool, const std::string& image, bool read_only) {
  const int id = next_id_++;
  const std::string device = Cat("sys/bus/rbd/devices/", id, "/");
  folder_.Write(device + "pool", pool + "\n");
  folder_.Write(device + "pool_ns", "\n");
  folder_.Write(device + "name", image + "\n");
  folder_.Write(device + "current_snap", "-\n");
  folder_.Write(device + "cluster_fsid", cluster_fsid_ + "\n");
  folder_.Write(device + "major", "252\n");
  folder_.Write(device + "minor", Cat(id * 16, "\n"));
  folder_.Write(Cat("sys/block/rbd", id, "/ro"), read_only ? "1\n" : "0\n");
  folder_.Write(Cat("dev/rbd", id), content_);
  return id;
}

void FakeRbdKernel::RemoveDevice(int id) {
  fs::remove_all(folder_.File(Cat("sys/bus/rbd/devices/", id)));
  fs::remove_all(folder_.File(Cat("sys/block/rbd", id)));
  RemoveNode(Cat("rbd", id));
}

// No process has anything at address 0, and the kernel says so with EIO.
void FakeRbdKernel::BreakNode(std::string_view name) {
  RemoveNode(name);
  fs::create_symlink("/proc/self/mem", Node(name));
}

// A folder opens, and its reading is EISDIR.
void FakeRbdKernel::ObstructNode(std::string_view name) {
  RemoveNode(name);
  fs::create_directory(Node(name));
}

void FakeRbdKernel::RemoveNode(std::string_view name) {
  fs::remove(Node(name));
}

int FakeRbdKernel::Write(const std::string& path, std::string_view text) {
  const std::string file = fs::path(path).filename();
  writes_.push_back(Cat(file, ": ", text));
  if (!errors_.empty()) {
    const int error = errors_.front();
    errors_.erase(errors_.begin());
    if (error != 0) {
      return error;
    }
  }
  const auto fields = Split(text, ' ');
  if (file == "add_single_major") {
    AddDevice(fields.at(2), fields.at(3), fields.at(1).find(",ro") != std::string::npos);
  } else if (file == "remove_single_major") {
    RemoveDevice(static_cast<int>(ParseUint64(fields.at(0)).value_or(0)));
  }
  return 0;
}

}  // namespace rbdcrypt::testing
