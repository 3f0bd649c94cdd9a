// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// How a loop device of ours is known again.
struct LoopIdentity {
  // Kept by the kernel with the device: at most 63 characters.
  std::string tag;
  // For one whose file is dead, of which the kernel tells no tag: the path of its file, as the
  // kernel writes it, and the name that was recorded.
  std::string backing_path;
  std::string recorded_device;
};

struct LoopOptions {
  std::string tag;
  bool read_only = false;
  // The device's logical block size: 512 or 4096.
  std::uint32_t sector_bytes = 512;
};

// Makes a loop device over the open file `backing_fd`, past the page cache (direct I/O, or every
// byte would be cached twice), and returns its path. The file stays referenced by the device alone.
// kUnavailable: others took every free device first. kFailedPrecondition: the node of a new one
// does not appear in /dev within 5 s. kNotFound, kPermissionDenied: /dev/loop-control, or the right
// to use it, is missing. kCancelled, kDeadlineExceeded: nothing was set up.
Result<std::string> ConfigureLoop(const Context& context,
                                  int backing_fd,
                                  const LoopOptions& options);

struct FoundLoop {
  std::string path;
  // Whether the file behind it answers.
  bool is_alive = false;
  bool read_only = false;
};

// Our device, or nothing. One that is bound, but without a node in /dev, is not seen. kNotFound,
// kUnavailable: /sys/block cannot be listed. Other codes: a device cannot be looked at, and might
// be ours (safety A4).
Result<std::optional<FoundLoop>> FindLoop(const LoopIdentity& identity);

// Waits up to 5 s for udev and its like to let go. kFailedPrecondition: still mounted or otherwise
// held. kCancelled, kDeadlineExceeded: while waiting. Other codes: it cannot be looked at.
Status CheckLoopUnused(const Context& context, const std::string& path);

// Everything written to the device is durable after. kDataLoss: it is not, and will not be. Other
// codes: the device cannot be opened, so nothing was tried.
Status FlushDevice(const std::string& path);

// Takes the file away from the device and returns when it is really free. Ok if it is already.
// kFailedPrecondition: in use. A mounted device is left as it was; one that is merely open
// somewhere is freed by the kernel at its last close, so that the next call finds it gone.
Status ReleaseLoop(const Context& context, const std::string& path);

// Lets the device have its file's present size, which must become `size_bytes`; repeatable.
// kUnavailable: it did not within 5 s. kNotFound: there is no such device, or no file behind it.
// kCancelled, kDeadlineExceeded: while waiting.
Status GrowLoop(const Context& context, const std::string& path, std::uint64_t size_bytes);

}  // namespace rbdcrypt::rbd::attach
