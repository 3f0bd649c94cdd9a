// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/krbd_request.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rbd/attach/monitors.h"

namespace rbdcrypt::rbd::attach {
namespace {

// The rbd program's own, not the kernel's.
constexpr std::array<std::string_view, 2> kProgramOptions = {"noudev", "udev"};

// Who asks and for which namespace is not the StorageClass's to say, and sysfs is no place for
// keys.
constexpr std::array<std::string_view, 4> kForbiddenOptions = {
    "name=", "key=", "secret=", "_pool_ns="};

bool IsForbidden(std::string_view option) {
  return std::ranges::any_of(kForbiddenOptions,
                             [&](std::string_view prefix) { return option.starts_with(prefix); });
}

Status CheckField(std::string_view name, std::string_view value) {
  const bool has_space = std::ranges::any_of(
      value, [](unsigned char character) { return std::isspace(character) != 0; });
  if (value.empty() || has_space) {
    return InvalidArgument(Cat(name, " \"", value, "\" cannot be given to the kernel"));
  }
  return OkStatus();
}

// The options for the kernel out of mapOptions.
Result<std::vector<std::string>> KernelOptions(std::string_view map_options) {
  std::vector<std::string> options;
  for (const std::string& field : Split(map_options, ',')) {
    const std::string option(Trim(field));
    if (option.empty() || std::ranges::count(kProgramOptions, option) > 0) {
      continue;
    }
    if (IsForbidden(option)) {
      return InvalidArgument(
          Cat("mapOptions: ", option.substr(0, option.find('=')), " cannot be set there"));
    }
    RETURN_IF_ERROR(CheckField("mapOptions", option));
    options.push_back(option);
  }
  return options;
}

MonitorProtocol ProtocolOf(const std::vector<std::string>& options) {
  const bool has_msgr2 = std::ranges::any_of(options, [](const std::string& option) {
    return option.starts_with("ms_mode=") && option != "ms_mode=legacy";
  });
  return has_msgr2 ? MonitorProtocol::kMsgr2 : MonitorProtocol::kLegacy;
}

}  // namespace

std::string KernelKeyName(std::string_view user) {
  return Cat("client.", user);
}

Result<std::string> BuildMapRequest(const AttachRequest& request) {
  RETURN_IF_ERROR(CheckField("Ceph user", request.cluster.user));
  RETURN_IF_ERROR(CheckField("pool", request.pool));
  RETURN_IF_ERROR(CheckField("image", request.image));
  ASSIGN_OR_RETURN(const auto extra, KernelOptions(request.map_options));
  ASSIGN_OR_RETURN(const auto monitors, ParseMonitors(request.cluster.monitors));
  ASSIGN_OR_RETURN(const std::string addresses, KernelMonitorList(monitors, ProtocolOf(extra)));

  const std::string& user = request.cluster.user;
  std::vector<std::string> options = {"name=" + user, "key=" + KernelKeyName(user)};
  options.insert(options.end(), extra.begin(), extra.end());
  if (request.read_only && std::ranges::count(options, "ro") == 0) {
    options.emplace_back("ro");
  }
  if (!request.rados_namespace.empty()) {
    RETURN_IF_ERROR(CheckField("radosNamespace", request.rados_namespace));
    options.push_back("_pool_ns=" + request.rados_namespace);
  }
  return Cat(addresses, " ", Join(options, ","), " ", request.pool, " ", request.image, " -");
}

}  // namespace rbdcrypt::rbd::attach
