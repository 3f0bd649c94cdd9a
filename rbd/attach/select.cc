// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/select.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool Succeeds(const Context& context, Subprocess& subprocess, std::vector<std::string> argv) {
  return subprocess.RunChecked(context, {.argv = std::move(argv), .standard_input = {}}).ok();
}

// A module that is loaded, built in or there to be loaded; -n: nothing is loaded by asking.
bool HasModule(const Context& context,
               Subprocess& subprocess,
               const std::string& trace,
               const std::string& module) {
  return Exists(trace) || Succeeds(context, subprocess, {"modprobe", "-n", "-q", module});
}

// Each returns what is missing, or "".
std::string MissingForKrbd(const Context& context,
                           Subprocess& subprocess,
                           const NodeFolders& folders) {
  if (!HasModule(context, subprocess, folders.sysfs_root + "/bus/rbd", "rbd")) {
    return "the kernel module rbd";
  }
  if (!HasModule(context, subprocess, folders.sysfs_root + "/module/dm_crypt", "dm-crypt")) {
    return "the kernel module dm-crypt";
  }
  return "";
}

std::string MissingForQemu(const Context& context,
                           Subprocess& subprocess,
                           const NodeFolders& folders) {
  if (!Exists(folders.dev_root + "/fuse") || !Exists(folders.dev_root + "/loop-control")) {
    return "/dev/fuse or /dev/loop-control";
  }
  if (!Succeeds(context, subprocess, {"qemu-storage-daemon", "--version"})) {
    return "qemu-storage-daemon (Debian: qemu-system-common and qemu-block-extra)";
  }
  return "";
}

}  // namespace

Result<std::vector<std::string>> SelectMappers(const Context& context,
                                               Subprocess& subprocess,
                                               std::string_view configured,
                                               const NodeFolders& folders) {
  if (configured != "auto" && configured != "krbd" && configured != "qemu") {
    return InvalidArgument(Cat("--attacher \"", configured, "\" is not one of auto, krbd, qemu"));
  }
  std::vector<std::string> usable;
  std::vector<std::string> missing;
  const auto consider = [&](const char* name, std::string lacks) {
    if (lacks.empty()) {
      usable.emplace_back(name);
    } else {
      missing.push_back(std::move(lacks));
    }
  };
  if (configured != "qemu") {
    consider("krbd", MissingForKrbd(context, subprocess, folders));
  }
  if (configured != "krbd") {
    consider("qemu", MissingForQemu(context, subprocess, folders));
  }
  if (usable.empty()) {
    return FailedPrecondition(
        Cat("--attacher ", configured, ": this node lacks ", Join(missing, " and ")));
  }
  return usable;
}

}  // namespace rbdcrypt::rbd::attach
