// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/scrypt.h"

#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kms {
namespace {

using testing::FakeClock;
using testing::IsOk;
using testing::StatusIs;

TEST(ScryptTest, DerivesTheKeyOfCephCsi) {
  ScryptGate gate(1);
  ASSERT_OK_AND_ASSIGN(
      const Secret key,
      ScryptKey(Context::Background(), gate, Secret(std::string_view("test_passphrase")),
                "0001-0009-rook-ceph-0000000000000002-b0285c97-a0ce-11eb-8c66-0242ac110002"));
  // ceph-csi-compat 6.3.
  EXPECT_EQ(HexEncode(key.Reveal()),
            "8c5578b295f2dd41f6c97002216d849ea9ffcccf9de797d08c0bd4d94f685d99");
}

TEST(ScryptGateTest, GivesAsManyPassesAsPlaces) {
  FakeClock clock;
  const Context context = Context({.clock = &clock}).WithTimeout(std::chrono::seconds(1));
  ScryptGate gate(2);
  ASSERT_OK_AND_ASSIGN(const auto first, gate.Enter(context));
  {
    ASSERT_OK_AND_ASSIGN(const auto second, gate.Enter(context));
    clock.Advance(std::chrono::seconds(2));
    EXPECT_THAT(gate.Enter(context), StatusIs(Code::kDeadlineExceeded));
  }
  EXPECT_THAT(gate.Enter(Context::Background()), IsOk());
}

TEST(ScryptGateTest, HasAtLeastOnePlace) {
  ScryptGate gate(0);
  EXPECT_THAT(gate.Enter(Context::Background()), IsOk());
  EXPECT_GE(ScryptGate::OnePerCore(), 1);
}

TEST(ScryptGateTest, ACancelledCallerLeavesTheQueue) {
  ScryptGate gate(1);
  ASSERT_OK_AND_ASSIGN(const auto pass, gate.Enter(Context::Background()));
  int looks = 0;
  const Context context({.is_cancelled = [&looks] { return ++looks > 2; }});
  EXPECT_THAT(gate.Enter(context), StatusIs(Code::kCancelled));
  EXPECT_EQ(looks, 3);
}

TEST(ScryptGateTest, AWaiterGetsThePlaceThatComesFree) {
  ScryptGate gate(1);
  std::optional<ScryptGate::Pass> pass;
  ASSERT_OK_AND_ASSIGN(auto first, gate.Enter(Context::Background()));
  pass.emplace(std::move(first));
  Status entered = Internal("not run");
  std::thread waiter([&] { entered = gate.Enter(Context::Background()).status(); });
  pass.reset();
  waiter.join();
  EXPECT_THAT(entered, IsOk());
}

}  // namespace
}  // namespace rbdcrypt::kms
