// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include <cstddef>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/client.h"
#include "kmip/reasons.h"
#include "net/arrival.h"
#include "tests/kmip/client_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;
using kmip::ResultReason;
using kmip::Version;
using ::testing::HasSubstr;
using ::testing::Not;

class KmipVersionTest : public ::testing::Test, protected ClientWorld {
 protected:
  KmipVersionTest() : ClientWorld(2) {}

  void Speaks(std::vector<Version> versions, std::size_t index = 0) {
    server(index).SetRules({.versions = std::move(versions)});
  }

  int Agreements() { return server().Count(Operation::kDiscoverVersions); }
};

TEST_F(KmipVersionTest, TheNewestInCommonIsUsedAndRemembered) {
  Speaks({{1, 4}, {1, 3}, {1, 2}});
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Read(), IsOk());
    EXPECT_EQ(version(), (Version{1, 4}));
  }
  EXPECT_EQ(Agreements(), 1);
}

TEST_F(KmipVersionTest, EveryVersionAloneIsFound) {
  for (const Version& alone : kmip::KnownVersions()) {
    ClientWorld world;
    world.server().SetRules({.versions = {alone}});
    ASSERT_THAT(world.Read(), IsOk()) << alone.Text();
    EXPECT_EQ(world.version(), alone);
    EXPECT_EQ(world.dialer().dials(), 1);
  }
}

TEST_F(KmipVersionTest, EachServerHasItsOwn) {
  Speaks({{1, 2}}, 0);
  Speaks({{2, 1}}, 1);
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(version(), (Version{1, 2}));
  dialer(0).SetDown(true);
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(version(), (Version{2, 1}));
}

TEST_F(KmipVersionTest, AServerWithoutOneInCommonIsPassedOver) {
  Speaks({{9, 9}}, 0);
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(served_by(), "b:5696");
}

TEST_F(KmipVersionTest, NoneInCommonWithAnyIsAMatterOfConfiguration) {
  Speaks({{9, 9}}, 0);
  Speaks({}, 1);
  const Status status = Read();
  EXPECT_THAT(status,
              StatusIs(Code::kFailedPrecondition, HasSubstr("no version of KMIP in common")));
  EXPECT_FALSE(net::MayHaveArrived(status));
  // Asked once each, under each header.
  EXPECT_EQ(server(0).Count(), 7);
  EXPECT_EQ(server(1).Count(), 7);
  Speaks({{1, 4}}, 0);
  EXPECT_THAT(Read(), IsOk());
}

TEST_F(KmipVersionTest, AVersionThatTheServerGaveUpIsAgreedUponAnew) {
  Speaks({{2, 1}, {1, 4}});
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(version(), (Version{2, 1}));
  Speaks({{1, 4}});
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(version(), (Version{1, 4}));
  EXPECT_EQ(Agreements(), 2);
  EXPECT_EQ(dialer().dials(), 1);
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(Agreements(), 2);
}

TEST_F(KmipVersionTest, TheSameVersionAnewIsNotToBlame) {
  server().FailAlways(Operation::kGetAttributes, {.reason = ResultReason::kInvalidMessage});
  EXPECT_THAT(Read(), StatusIs(Code::kInternal, HasSubstr("Invalid Message")));
  EXPECT_EQ(server().Count(Operation::kGetAttributes), 1);
  EXPECT_EQ(Agreements(), 2);
  server().Heal();
  EXPECT_THAT(Read(), IsOk());
}

TEST_F(KmipVersionTest, ItIsAgreedUponAnewOnce) {
  ASSERT_THAT(Read(), IsOk());
  const int before = Agreements();
  // One that takes whatever version is agreed upon back.
  server().FailAlways(Operation::kGetAttributes,
                      {.reason = ResultReason::kUnsupportedProtocolVersion});
  Speaks({{1, 4}});
  EXPECT_THAT(Read(), StatusIs(Code::kFailedPrecondition, HasSubstr("Unsupported Protocol")));
  EXPECT_EQ(Agreements(), before + 1);
}

TEST_F(KmipVersionTest, WhatMayHaveHappenedIsNotRepeatedInAnotherVersion) {
  Speaks({{2, 1}, {1, 4}});
  ASSERT_THAT(Read(), IsOk());
  Speaks({{1, 4}});
  EXPECT_THAT(Create(), StatusIs(Code::kInternal, HasSubstr("Invalid Message")));
  EXPECT_EQ(created(), 0U);
  // But the next call knows better.
  EXPECT_THAT(Create(), IsOk());
  EXPECT_EQ(created(), 1U);
}

TEST_F(KmipVersionTest, AServerThatCouldNotBeReachedIsAskedAnew) {
  ClientWorld world;
  world.server().SetRules({.versions = {{2, 1}}});
  ASSERT_THAT(world.Read(), IsOk());
  world.dialer().SetDown(true);
  EXPECT_THAT(world.Read(), StatusIs(Code::kUnavailable));
  world.dialer().SetDown(false);
  world.server().SetRules({.versions = {{1, 3}}});
  ASSERT_THAT(world.Read(), IsOk());
  EXPECT_EQ(world.version(), (Version{1, 3}));
}

TEST_F(KmipVersionTest, AnAnswerOfAVersionThatNobodySpeaksIsMalformed) {
  ASSERT_THAT(Read(), IsOk());
  server().OnAnswer([](const FakeKmip::Seen&, std::vector<std::byte>& answer) {
    // The major version in the header (kmip.md 9).
    answer.at(0x23) = std::byte{9};
  });
  ASSERT_THAT(Read(), IsOk());
  EXPECT_EQ(served_by(), "b:5696");
}

TEST_F(KmipVersionTest, TheLogHasEachAgreementOnce) {
  ::testing::internal::CaptureStderr();
  ASSERT_THAT(Read(), IsOk());
  dialer().SetDown(true);
  ASSERT_THAT(Read(), IsOk());
  dialer().SetDown(false);
  clock().Advance(std::chrono::seconds(60));
  ASSERT_THAT(Read(), IsOk());
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(server(0).Count(Operation::kDiscoverVersions), 2);
  const std::string line = "event=kmip_version_agreed server=a:5696 version=2.1";
  ASSERT_THAT(log, HasSubstr(line));
  EXPECT_THAT(log.substr(log.find(line) + 1), Not(HasSubstr(line)));
}

}  // namespace
}  // namespace rbdcrypt::testing
