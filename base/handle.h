// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <utility>

#include <unistd.h>

namespace rbdcrypt {

// Deletes with the C function `Free`, whose result is dropped; being part of the type it keeps
// handles of one pointer type apart (rados_ioctx_t and rbd_image_t are both void*).
template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

// Owns what a C library allocated: a unique_ptr, so movable, not copyable, and `Free` is never
// called with null. `T` is the pointed-to type. As thread safe as what it points to.
//
//   using Probe = CHandle<blkid_struct_probe, blkid_free_probe>;
//   const Probe probe(blkid_new_probe());  // null where the library failed: look before use
template <typename T, auto Free>
using CHandle = std::unique_ptr<T, FreeWith<Free>>;

// Owns a file descriptor, or none; move-only, and moved from it owns none. Not thread safe.
//
// Closes it once and drops what close() says of it: whoever has to know that what was written is on
// disk syncs first. errno is not kept over that, so save it before a UniqueFd ends.
class UniqueFd {
 public:
  // Owns none.
  UniqueFd() = default;

  // Takes what open() and its like answer: a negative number is an error and makes it own none.
  explicit UniqueFd(int fd) : fd_(fd) {}

  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Reset(std::exchange(other.fd_, -1));
    }
    return *this;
  }

  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  ~UniqueFd() { Reset(); }

  // Still owned here; negative if there is none.
  int get() const { return fd_; }

  bool valid() const { return fd_ >= 0; }

  // Gives it away: the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Closes what it owns and owns `fd` instead, which must be another.
  void Reset(int fd = -1) {
    if (fd_ >= 0) {
      ::close(fd_);
    }
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace rbdcrypt
