// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/dm_control.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

// Commands without arguments, for a name that fits.
dm_ioctl CommandFor(std::string_view name) {
  dm_ioctl command = {};
  command.version[0] = DM_VERSION_MAJOR;
  command.data_size = sizeof command;
  command.data_start = sizeof command;
  std::ranges::copy(name, command.name);
  return command;
}

// 0, or the errno.
int Send(const UniqueFd& control, unsigned long request, dm_ioctl& command) {
  return ioctl(control.get(), request, &command) == 0 ? 0 : errno;
}

Status ControlError(int error, std::string_view what) {
  return Unavailable(Cat(what, ": ", std::generic_category().message(error)));
}

}  // namespace

Status RemoveUnfinishedDmDevice(std::string_view name, const std::string& control_path) {
  if (name.size() >= DM_NAME_LEN) {
    return OkStatus();  // The kernel has no such names.
  }
  const UniqueFd control(open(control_path.c_str(), O_RDWR | O_CLOEXEC));
  if (!control.valid()) {
    // No node, or nobody behind it: no device mapper, so no device either.
    return errno == ENOENT || errno == ENODEV || errno == ENXIO
               ? OkStatus()
               : ControlError(errno, Cat("open ", control_path));
  }
  dm_ioctl status = CommandFor(name);
  if (const int error = Send(control, DM_DEV_STATUS, status); error != 0) {
    return error == ENXIO ? OkStatus() : ControlError(error, Cat("look at mapping ", name));
  }
  if ((status.flags & DM_ACTIVE_PRESENT_FLAG) != 0) {
    return OkStatus();
  }
  dm_ioctl removal = CommandFor(name);
  switch (const int error = Send(control, DM_DEV_REMOVE, removal)) {
    case 0:
    case ENXIO:
      return OkStatus();
    case EBUSY:
      return FailedPrecondition(Cat("mapping ", name,
                                    " was left unfinished, and something has it open; close that, "
                                    "or remove it by hand: dmsetup remove ",
                                    name));
    default:
      return ControlError(error, Cat("remove mapping ", name, ", which was left unfinished"));
  }
}

}  // namespace rbdcrypt::rbd::attach
