// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

namespace rbdcrypt::testing {

// A new, empty folder for one test; removed with all its content on destruction.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // Absolute, without a trailing slash.
  const std::string& path() const { return path_; }

  // The path of `name` inside; nothing is created.
  std::string File(std::string_view name) const;

  // Creates or replaces `name` (and the folders above it) and returns its path.
  std::string Write(std::string_view name, std::string_view content) const;

  // The content of `name`, or "" where there is no such file.
  std::string Read(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace rbdcrypt::testing
