// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/handle.h"

#include <cerrno>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace rbdcrypt {
namespace {

int g_freed = 0;

void FreeFirst(void* pointer) {
  *static_cast<int*>(pointer) = 0;
  ++g_freed;
}

void FreeSecond(void* pointer) {
  FreeFirst(pointer);
}

using First = CHandle<void, FreeFirst>;
using Second = CHandle<void, FreeSecond>;
static_assert(!std::is_convertible_v<First, Second> && !std::is_assignable_v<Second&, First>);

TEST(HandleTest, FreesOnceAndNeverNull) {
  int object = 1;
  g_freed = 0;
  {
    First handle(&object);
    First moved = std::move(handle);
    EXPECT_EQ(g_freed, 0);
  }
  EXPECT_EQ(g_freed, 1);
  EXPECT_EQ(object, 0);
}

bool IsOpen(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

int OpenNull() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

TEST(UniqueFdTest, ClosesOnDestructionAndReset) {
  int number = -1;
  {
    const UniqueFd fd(OpenNull());
    number = fd.get();
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));

  UniqueFd fd(OpenNull());
  number = fd.get();
  fd.Reset();
  EXPECT_FALSE(IsOpen(number));
  EXPECT_FALSE(fd.valid());
}

TEST(UniqueFdTest, MoveHandsOverAndClosesTheOldOne) {
  UniqueFd from(OpenNull());
  UniqueFd to(OpenNull());
  const int kept = from.get();
  const int closed = to.get();
  to = std::move(from);
  EXPECT_EQ(to.get(), kept);
  EXPECT_TRUE(IsOpen(kept));
  EXPECT_FALSE(IsOpen(closed));
  EXPECT_FALSE(from.valid());  // NOLINT(bugprone-use-after-move)

  UniqueFd& same = to;
  to = std::move(same);
  EXPECT_TRUE(IsOpen(kept));
}

TEST(UniqueFdTest, ReleaseGivesUpOwnership) {
  int number = -1;
  {
    UniqueFd fd(OpenNull());
    number = fd.Release();
  }
  EXPECT_TRUE(IsOpen(number));
  ::close(number);
}

}  // namespace
}  // namespace rbdcrypt
