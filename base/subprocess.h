// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt {

// A program to run: argv without a shell, nothing secret in it (argv is public, safety E1).
struct Command {
  std::vector<std::string> argv = {};
  // Written to standard input and closed; empty means /dev/null.
  Secret standard_input = {};
};

struct CommandOutput {
  int exit_code = 0;
  // At most 64 KiB of each; the rest is read and dropped.
  std::string standard_output = {};
  std::string standard_error = {};
};

// Runs helper programs: mkfs.*, fsck.*, resize2fs, xfs_growfs, btrfs, modprobe and
// qemu-storage-daemon. Probing, mounting and cryptsetup's work are calls of libraries and of the
// kernel. Thread safe. The child inherits no descriptor but its standard ones and gets a minimal
// environment: our PATH and LC_ALL=C.
class Subprocess {
 public:
  virtual ~Subprocess() = default;

  // The output of a finished program, whatever its exit code. A daemon that it leaves behind is
  // neither waited for nor killed. Waits on for a killed program that hangs in the kernel: as long
  // as it lives it may still write to the device.
  // kNotFound: no such program. kPermissionDenied: it may not be run. kInvalidArgument: argv names
  // none. kDeadlineExceeded, kCancelled: it was not started, or killed (whole process group) and
  // reaped. kInternal: it died by a signal, or no pipe could be made.
  virtual Result<CommandOutput> Run(const Context& context, const Command& command) = 0;

  // Run, and anything but exit code 0 is kInternal with the program's last words.
  Result<CommandOutput> RunChecked(const Context& context, const Command& command);
};

// The real one.
Subprocess& SystemSubprocess();

}  // namespace rbdcrypt
