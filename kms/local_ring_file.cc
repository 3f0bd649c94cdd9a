// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local_ring_file.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/handle.h"
#include "base/secret.h"
#include "base/strings.h"

namespace rbdcrypt::kms {
namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR;
constexpr std::string_view kTemporaryMark = ".tmp.";

Status Failed(int error, std::string_view step, const std::string& path) {
  const std::string text = Cat("cannot ", step, " the key ring ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return Unavailable(text + ": is its folder mounted, and was the ring ever made?");
    case EIO:
    case ESTALE:
      return Unavailable(text);
    case EROFS:
      return InvalidArgument(text + ": mount it writable");
    default:
      return FromErrno(error, Cat(step, " the key ring ", path));
  }
}

std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

RingFileStamp StampOf(const struct stat& status) {
  return RingFileStamp{.device = status.st_dev,
                       .inode = status.st_ino,
                       .mode = status.st_mode,
                       .owner = status.st_uid,
                       .size_bytes = status.st_size,
                       .modified_ns = Nanoseconds(status.st_mtim),
                       .changed_ns = Nanoseconds(status.st_ctim)};
}

Status CheckFile(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode)) {
    return InvalidArgument(Cat("the key ring ", path, " is not a regular file"));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return InvalidArgument(Cat("the key ring ", path,
                               " is open to its group or to others: chmod 600 it, and consider "
                               "its keys seen"));
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return InvalidArgument(
        Cat("the key ring ", path, " belongs to another user (uid ", status.st_uid, "): chown it"));
  }
  if (status.st_size > static_cast<off_t>(kMaxRingTextBytes)) {
    return InvalidArgument(Cat("the file ", path, " is too large for a key ring"));
  }
  return OkStatus();
}

// Fills `text` from the file and cuts it to what was there.
Status ReadAll(int fd, Secret& text, const std::string& path) {
  const auto bytes = text.MutableBytes();
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ssize_t count = ::read(fd, bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return Failed(errno, "read", path);
    }
    if (count == 0) {
      break;
    }
    used += static_cast<std::size_t>(count);
  }
  text.Shrink(used);
  return OkStatus();
}

Status WriteAll(int fd, const Secret& text, const std::string& path) {
  auto rest = text.Reveal();
  while (!rest.empty()) {
    const ssize_t count = ::write(fd, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return Failed(errno, "write", path);
    }
    rest = rest.subspan(static_cast<std::size_t>(count));
  }
  return ::fsync(fd) == 0 ? OkStatus() : Failed(errno, "sync", path);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status SyncFolder(const std::string& path) {
  const UniqueFd folder(::open(FolderOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) {
    return Failed(errno, "sync the folder of", path);
  }
  return OkStatus();
}

// For one second in all.
constexpr int kLockTries = 100;
constexpr std::chrono::milliseconds kLockPause{10};

// Held for the time of one write; freed by the kernel if the process dies.
Result<UniqueFd> LockWriters(const std::string& path) {
  UniqueFd lock(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode));
  if (!lock.valid()) {
    return Failed(errno, "lock", path);
  }
  // A write takes milliseconds: the first volumes of a new ring, all at once, wait for one another.
  int result = ::flock(lock.get(), LOCK_EX | LOCK_NB);
  for (int i = 0; i < kLockTries && result != 0 && errno == EWOULDBLOCK; ++i) {
    std::this_thread::sleep_for(kLockPause);
    result = ::flock(lock.get(), LOCK_EX | LOCK_NB);
  }
  if (result != 0) {
    return errno == EWOULDBLOCK
               ? Aborted(Cat("another process is writing the key ring ", path, ": try again"))
               : Failed(errno, "lock", path);
  }
  return lock;
}

// What writers that were killed left behind; nobody else is writing now.
void RemoveLeftovers(const std::string& path) {
  const std::string mark = std::filesystem::path(path).filename().string().append(kTemporaryMark);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(FolderOf(path), error)) {
    if (entry.path().filename().string().starts_with(mark)) {
      std::error_code ignored;
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

// A temporary file beside the ring; removed on destruction unless it was renamed away.
class TemporaryFile {
 public:
  static Result<TemporaryFile> Write(const std::string& path, const LocalRing& ring) {
    ASSIGN_OR_RETURN(const Secret random, RandomSecret(8));
    TemporaryFile file(Cat(path, kTemporaryMark, HexEncode(random.Reveal())));
    const UniqueFd fd(::open(file.name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
    if (!fd.valid()) {
      const int error = errno;
      file.name_.clear();
      return Failed(error, "write", path);
    }
    RETURN_IF_ERROR(WriteAll(fd.get(), ring.Format(), path));
    return file;
  }

  TemporaryFile(TemporaryFile&& other) noexcept : name_(std::exchange(other.name_, {})) {}

  TemporaryFile& operator=(TemporaryFile&&) = delete;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  ~TemporaryFile() {
    if (!name_.empty()) {
      ::unlink(name_.c_str());
    }
  }

  const char* name() const { return name_.c_str(); }

  void Forget() { name_.clear(); }

 private:
  explicit TemporaryFile(std::string name) : name_(std::move(name)) {}

  std::string name_;
};

}  // namespace

Result<StampedRing> ReadRingFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status = {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) {
    return Failed(errno, "read", path);
  }
  RETURN_IF_ERROR(CheckFile(status, path));
  Secret text(kMaxRingTextBytes);
  RETURN_IF_ERROR(ReadAll(file.get(), text, path));
  Result<LocalRing> ring = LocalRing::Parse(text);
  if (!ring.ok()) {
    return Annotate(ring.status(), path);
  }
  return StampedRing{.ring = std::make_shared<const LocalRing>(*std::move(ring)),
                     .stamp = StampOf(status)};
}

Result<RingFileStamp> StampRingFile(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    return Failed(errno, "read", path);
  }
  return StampOf(status);
}

Status CreateRingFile(const std::string& path,
                      int key_bits,
                      std::chrono::system_clock::time_point now) {
  ASSIGN_OR_RETURN(const LocalRing ring, LocalRing::New(key_bits, now));
  ASSIGN_OR_RETURN(const UniqueFd lock, LockWriters(path));
  RemoveLeftovers(path);
  ASSIGN_OR_RETURN(const TemporaryFile temporary, TemporaryFile::Write(path, ring));
  if (::link(temporary.name(), path.c_str()) != 0) {
    return errno == EEXIST ? AlreadyExists(Cat("there is a key ring at ", path, " already"))
                           : Failed(errno, "create", path);
  }
  return SyncFolder(path);
}

Status UpdateRingFile(const std::string& path, const std::function<Status(LocalRing&)>& edit) {
  ASSIGN_OR_RETURN(const UniqueFd lock, LockWriters(path));
  ASSIGN_OR_RETURN(const StampedRing read, ReadRingFile(path));
  ASSIGN_OR_RETURN(LocalRing ring, LocalRing::Parse(read.ring->Format()));
  RETURN_IF_ERROR(edit(ring));
  RemoveLeftovers(path);
  ASSIGN_OR_RETURN(TemporaryFile temporary, TemporaryFile::Write(path, ring));
  if (std::rename(temporary.name(), path.c_str()) != 0) {
    return Failed(errno, "replace", path);
  }
  temporary.Forget();
  return SyncFolder(path);
}

}  // namespace rbdcrypt::kms
