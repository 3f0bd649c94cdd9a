// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// All of a file of the kernel's (/sys, /proc), or nothing where there is none: such a file is gone
// when its device or process is, between the listing of a folder and the reading (ENOENT) or while
// it is read (ENODEV in /sys, ESRCH in /proc). kUnavailable: any other failure, EMFILE included,
// which is no absence (safety A4).
Result<std::optional<std::string>> ReadIfThere(const std::filesystem::path& path);

// Its first line, without the end. Otherwise as ReadIfThere.
Result<std::optional<std::string>> ReadFirstLine(const std::filesystem::path& path);

// All of a file. kNotFound: no such file. kUnavailable: it cannot be opened or read.
Result<std::string> ReadFile(const std::filesystem::path& path);

// The names in a folder, sorted. kNotFound: no such folder. kUnavailable: it cannot be listed, or
// went away meanwhile.
Result<std::vector<std::string>> ListFolder(const std::filesystem::path& path);

// One write() into a file of the kernel's that exists already: the kernel's answer is the errno.
// 0, or the positive errno.
int WriteKernelFile(const std::string& path, std::string_view text);

// Replaces a file of mode 0600 so that a crash leaves the old content or the new, durably.
Status ReplaceFile(const std::filesystem::path& path, std::string_view content);

}  // namespace rbdcrypt::rbd::attach
