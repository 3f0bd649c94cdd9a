// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/small_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

Status SyncFolder(const std::filesystem::path& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || fsync(fd.get()) != 0) {
    return FromErrno(errno, Cat("sync ", folder.native()));
  }
  return OkStatus();
}

// 0, or the errno. Not by a stream: its iterators throw where a read fails, as one of /proc does
// when its process ends.
int ReadInto(const std::filesystem::path& path, std::string& content) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return errno;
  }
  std::array<char, 4096> chunk{};
  ssize_t got = 0;
  while ((got = read(fd.get(), chunk.data(), chunk.size())) > 0) {
    content.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return got < 0 ? errno : 0;
}

Status ReadError(const std::filesystem::path& path, int error) {
  return Unavailable(Cat("read ", path.native(), ": ", std::strerror(error)));
}

}  // namespace

Result<std::optional<std::string>> ReadIfThere(const std::filesystem::path& path) {
  std::string content;
  const int error = ReadInto(path, content);
  if (error == ENOENT || error == ENODEV || error == ESRCH) {
    return std::nullopt;
  }
  if (error != 0) {
    return ReadError(path, error);
  }
  return content;
}

Result<std::optional<std::string>> ReadFirstLine(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(auto content, ReadIfThere(path));
  if (content) {
    content->resize(std::min(content->find('\n'), content->size()));
  }
  return content;
}

Result<std::string> ReadFile(const std::filesystem::path& path) {
  std::string content;
  const int error = ReadInto(path, content);
  if (error == ENOENT) {
    return NotFound(Cat("open ", path.native(), ": no such file"));
  }
  if (error != 0) {
    return ReadError(path, error);
  }
  return content;
}

// Step by step, because a range loop over a folder throws where reading on fails.
Result<std::vector<std::string>> ListFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(path, error);
  if (error == std::errc::no_such_file_or_directory) {
    return NotFound(Cat("list ", path.native(), ": no such folder"));
  }
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  if (error) {
    return Unavailable(Cat("list ", path.native(), ": ", error.message()));
  }
  std::ranges::sort(names);
  return names;
}

int WriteKernelFile(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || write(fd.get(), text.data(), text.size()) < 0) {
    return errno;
  }
  return 0;
}

Status ReplaceFile(const std::filesystem::path& path, std::string_view content) {
  const std::string temporary = path.native() + ".new";
  const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return FromErrno(errno, Cat("create ", temporary));
  }
  const ssize_t written = write(fd.get(), content.data(), content.size());
  if (written != static_cast<ssize_t>(content.size())) {
    return FromErrno(written < 0 ? errno : ENOSPC, Cat("write ", temporary));
  }
  if (fsync(fd.get()) != 0 || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return FromErrno(errno, Cat("replace ", path.native()));
  }
  return SyncFolder(path.parent_path());
}

}  // namespace rbdcrypt::rbd::attach
