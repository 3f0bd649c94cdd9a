// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/node_files.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

constexpr mode_t kDirectoryMode = 0750;
constexpr mode_t kFileMode = 0600;

Status Errno(std::string_view doing, const std::string& path) {
  const int error = errno;
  return FromErrno(error, Cat(doing, " ", path));
}

Status SyncFolderOf(const std::string& path) {
  const std::string folder = ParentOf(path);
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) {
    return Errno("sync folder", folder);
  }
  return OkStatus();
}

Status WriteAll(const UniqueFd& fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return Errno("write", path);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd.get()) == 0 ? OkStatus() : Errno("sync", path);
}

Status WrongKind(const std::string& path, std::string_view wanted) {
  return FailedPrecondition(Cat(path, " is there and is no ", wanted, "; remove it by hand"));
}

}  // namespace

Result<PathKind> KindOf(const std::string& path) {
  struct stat info {};

  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? Result<PathKind>(PathKind::kAbsent)
                                               : Errno("look at", path);
  }
  if (S_ISDIR(info.st_mode)) {
    return PathKind::kDirectory;
  }
  // A device node bound over our file shows as the device.
  return S_ISREG(info.st_mode) || S_ISBLK(info.st_mode) ? PathKind::kFile : PathKind::kOther;
}

Status MakeMountDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) {
    return SyncFolderOf(path);
  }
  if (errno != EEXIST) {
    return Errno("make directory", path);
  }
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(path));
  return kind == PathKind::kDirectory ? OkStatus() : WrongKind(path, "directory");
}

Status MakeMountFile(const std::string& path) {
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(path));
  if (kind != PathKind::kAbsent) {
    return kind == PathKind::kFile ? OkStatus() : WrongKind(path, "file");
  }
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  return fd.valid() ? SyncFolderOf(path) : Errno("make file", path);
}

Status RemoveMountPoint(const std::string& path) {
  ASSIGN_OR_RETURN(const PathKind kind, KindOf(path));
  if (kind == PathKind::kAbsent) {
    return OkStatus();
  }
  const int result = kind == PathKind::kDirectory ? ::rmdir(path.c_str()) : ::unlink(path.c_str());
  if (result == 0 || errno == ENOENT) {
    return SyncFolderOf(path);
  }
  if (errno == ENOTEMPTY || errno == EEXIST) {
    return FailedPrecondition(
        Cat(path, " is not mounted but has content, which is not thrown away; look at it"));
  }
  return Errno("remove", path);
}

Result<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() && errno == ENOTDIR) {
    // Below a file, as the path of a published block volume is, there is nothing.
    return NotFound(Cat(path, ": its folder is a file"));
  }
  if (!fd.valid()) {
    return Errno("open", path);
  }
  std::string content(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = ::read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return Errno("read", path);
    }
    if (got == 0) {
      content.resize(size);
      return content;
    }
    size += static_cast<std::size_t>(got);
  }
  return DataLoss(Cat(path, ": is larger than ", max_bytes, " bytes"));
}

Status WriteFileDurably(const std::string& path, std::string_view content) {
  const std::string temporary = Cat(path, kTemporarySuffix);
  RETURN_IF_ERROR(RemoveFile(temporary));
  {
    const UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!fd.valid()) {
      return Errno("make file", temporary);
    }
    RETURN_IF_ERROR(WriteAll(fd, content, temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return Errno("rename to", path);
  }
  return SyncFolderOf(path);
}

Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    return errno == ENOENT || errno == ENOTDIR ? OkStatus() : Errno("remove", path);
  }
  return SyncFolderOf(path);
}

Result<std::string> ResolvedPath(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) {
    return path;
  }
  const std::string trimmed = path.substr(0, end + 1);
  std::error_code error;
  const std::string folder = std::filesystem::canonical(ParentOf(trimmed), error).native();
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    return trimmed;
  }
  if (error) {
    return FromErrno(error.value(), Cat("resolve ", path));
  }
  const std::string name = trimmed.substr(trimmed.find_last_of('/') + 1);
  return folder == "/" ? Cat("/", name) : Cat(folder, "/", name);
}

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace rbdcrypt::csi
