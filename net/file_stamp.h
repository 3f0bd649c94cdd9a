// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>
#include <time.h>

namespace rbdcrypt::net {

// What tells a file from its successor: its inode, size and time of change, behind symbolic links.
// Of a file that is not there all are 0.
struct FileStamp {
  ino_t inode = 0;
  off_t size = 0;
  timespec changed = {};

  bool operator==(const FileStamp& other) const;
};

FileStamp StampOf(const std::string& path);

std::vector<FileStamp> StampsOf(const std::vector<std::string>& paths);

}  // namespace rbdcrypt::net
