// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/file_stamp.h"

#include <sys/stat.h>

namespace rbdcrypt::net {

bool FileStamp::operator==(const FileStamp& other) const {
  return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
         changed.tv_nsec == other.changed.tv_nsec;
}

FileStamp StampOf(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    return {};
  }
  return {.inode = info.st_ino, .size = info.st_size, .changed = info.st_mtim};
}

std::vector<FileStamp> StampsOf(const std::vector<std::string>& paths) {
  std::vector<FileStamp> stamps;
  stamps.reserve(paths.size());
  for (const std::string& path : paths) {
    stamps.push_back(StampOf(path));
  }
  return stamps;
}

}  // namespace rbdcrypt::net
