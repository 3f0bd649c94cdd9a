// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/secret.h"

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt {
namespace {

// Nothing turns a secret into text by accident.
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_constructible_v<std::string, const Secret&>);

template <typename T>
concept Prints = requires(std::ostream& out, const T& value) {
  out << value;
};

static_assert(Prints<std::string> && !Prints<Secret>);

constexpr std::string_view kText = "correct horse battery staple, 36 bytes";

// Where the locked heap is set up, its pages stay mapped after a free, so a look is allowed.
class SecretHeapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { InitSecretHeap(); }

  static bool Holds(const std::byte* memory, std::string_view text) {
    return std::memcmp(memory, text.data(), text.size()) == 0;
  }

  // Bytes 16 and later: the allocator keeps its list in the first ones of a free block.
  static bool IsWiped(const std::byte* memory, std::size_t size) {
    return std::all_of(memory + 16, memory + size, [](std::byte b) { return b == std::byte{0}; });
  }
};

TEST_F(SecretHeapTest, LivesInTheLockedHeap) {
  const Secret secret(kText);
  EXPECT_EQ(CRYPTO_secure_allocated(secret.Reveal().data()), 1);
  EXPECT_EQ(secret.RevealText(), kText);
}

TEST_F(SecretHeapTest, IsWipedOnDestruction) {
  const std::byte* memory = nullptr;
  {
    const Secret secret(kText);
    memory = secret.Reveal().data();
    ASSERT_TRUE(Holds(memory, kText));
  }
  EXPECT_TRUE(IsWiped(memory, kText.size()));
}

TEST_F(SecretHeapTest, IsWipedOnAssignment) {
  Secret secret(kText);
  const std::byte* memory = secret.Reveal().data();
  secret = Secret("other");
  EXPECT_TRUE(IsWiped(memory, kText.size()));
  EXPECT_EQ(secret.RevealText(), "other");
}

TEST_F(SecretHeapTest, FallsBackOnTheOrdinaryHeapWhenFull) {
  Secret large(std::size_t{64} * 1024 * 1024);
  EXPECT_EQ(CRYPTO_secure_allocated(large.Reveal().data()), 0);
  EXPECT_EQ(large.size(), std::size_t{64} * 1024 * 1024);
}

TEST(SecretTest, StartsAsZeros) {
  Secret secret(40);
  EXPECT_EQ(secret.RevealText(), std::string(40, '\0'));
  secret.MutableBytes()[0] = std::byte{'x'};
  EXPECT_EQ(secret.RevealText().front(), 'x');
}

TEST(SecretTest, EmptyOnesHoldNothing) {
  EXPECT_TRUE(Secret().empty());
  EXPECT_TRUE(Secret("").empty());
  EXPECT_TRUE(Secret().Clone().empty());
  EXPECT_TRUE(SameSecret(Secret(), Secret("")));
}

TEST(SecretTest, MoveLeavesNothingBehind) {
  Secret from("moved");
  Secret to(std::move(from));
  EXPECT_EQ(to.RevealText(), "moved");
  EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move)
  Secret& same = to;
  to = std::move(same);
  EXPECT_EQ(to.RevealText(), "moved");
}

TEST(SecretTest, CloneIsACopyOfItsOwn) {
  Secret secret("abc");
  const Secret clone = secret.Clone();
  secret.MutableBytes()[0] = std::byte{'x'};
  EXPECT_EQ(clone.RevealText(), "abc");
}

TEST(SecretTest, ShrinkWipesTheRest) {
  Secret secret(kText);
  const std::byte* memory = secret.Reveal().data();
  secret.Shrink(7);
  EXPECT_EQ(secret.RevealText(), "correct");
  for (std::size_t i = 7; i < kText.size(); ++i) {
    EXPECT_EQ(memory[i], std::byte{0}) << i;
  }
}

TEST(SecretDeathTest, ShrinkNeverGrows) {
  Secret secret("abc");
  EXPECT_DEATH(secret.Shrink(4), "check failed");
}

TEST(SecretTest, SameSecretComparesSizeAndBytes) {
  EXPECT_TRUE(SameSecret(Secret("abc"), Secret("abc")));
  EXPECT_FALSE(SameSecret(Secret("abc"), Secret("abd")));
  EXPECT_FALSE(SameSecret(Secret("abc"), Secret("xbc")));
  EXPECT_FALSE(SameSecret(Secret("abc"), Secret("ab")));
}

TEST(SecretTest, RandomSecretsDiffer) {
  ASSERT_OK_AND_ASSIGN(const Secret one, RandomSecret(32));
  ASSERT_OK_AND_ASSIGN(const Secret other, RandomSecret(32));
  EXPECT_EQ(one.size(), 32U);
  EXPECT_FALSE(SameSecret(one, other));
}

}  // namespace
}  // namespace rbdcrypt
