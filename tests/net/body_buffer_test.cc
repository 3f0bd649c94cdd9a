// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/body_buffer.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

namespace rbdcrypt::net {
namespace {

TEST(BodyBufferTest, APublicBodyTakesNoneOfTheMemoryOfSecrets) {
  InitSecretHeap();
  const std::size_t before = CRYPTO_secure_used();
  BodyBuffer body(true);
  body.Reserve(1 << 20);
  body.Append(std::string(100'000, 'x'));
  body.Append("end");
  EXPECT_EQ(body.size(), 100'003U);
  EXPECT_TRUE(body.written().ends_with("xend"));
  HttpAnswer answer;
  body.MoveTo(answer);
  EXPECT_EQ(CRYPTO_secure_used(), before);
  EXPECT_EQ(answer.text.size(), 100'003U);
  EXPECT_TRUE(answer.body.empty());
  EXPECT_EQ(answer.BodyText(), answer.text);
  EXPECT_EQ(body.size(), 0U);
}

TEST(BodyBufferTest, AnyOtherBodyIsASecret) {
  InitSecretHeap();
  BodyBuffer body(false);
  body.Append("hvs.");
  body.Append("secret");
  EXPECT_EQ(body.written(), "hvs.secret");
  EXPECT_EQ(CRYPTO_secure_allocated(body.written().data()), 1);
  HttpAnswer answer;
  body.MoveTo(answer);
  EXPECT_EQ(answer.body.RevealText(), "hvs.secret");
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.BodyText(), "hvs.secret");
}

TEST(BodyBufferTest, ClearingGivesTheMemoryBack) {
  InitSecretHeap();
  const std::size_t before = CRYPTO_secure_used();
  for (const bool is_public : {false, true}) {
    BodyBuffer body(is_public);
    body.Append(std::string(1000, 'x'));
    body.Clear();
    EXPECT_EQ(body.size(), 0U);
    EXPECT_EQ(CRYPTO_secure_used(), before);
    body.Append("again");
    EXPECT_EQ(body.written(), "again");
  }
}

}  // namespace
}  // namespace rbdcrypt::net
