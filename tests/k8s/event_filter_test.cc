// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/event_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeClock;
using Action = EventFilter::Decision::Action;

Event About(const std::string& name, const std::string& message = "it happened") {
  return {.regarding = {.api_version = "v1",
                        .kind = "PersistentVolumeClaim",
                        .ns = "shop",
                        .name = name,
                        .uid = "u"},
          .is_warning = true,
          .reason = "KeyRotationFailed",
          .message = message};
}

class EventFilterTest : public ::testing::Test {
 protected:
  // Creates what is to be created, and says "create", "count 2" or "drop".
  std::string Decide(const Event& event) {
    const auto decision = filter_.Decide(event);
    switch (decision.action) {
      case Action::kDrop:
        return "drop";
      case Action::kCreate:
        filter_.Created(event, Cat("object-", ++created_));
        return "create";
      case Action::kCount:
        break;
    }
    return Cat("count ", decision.count, " in ", decision.name);
  }

  FakeClock clock_;
  EventFilter filter_{clock_};
  int created_ = 0;
};

TEST_F(EventFilterTest, TheSameEventAgainIsCounted) {
  EXPECT_EQ(Decide(About("data")), "create");
  EXPECT_EQ(Decide(About("data")), "count 2 in object-1");
  EXPECT_EQ(Decide(About("data")), "count 3 in object-1");
}

TEST_F(EventFilterTest, EveryFieldTellsEventsApart) {
  EXPECT_EQ(Decide(About("data")), "create");
  EXPECT_EQ(Decide(About("other")), "create");
  EXPECT_EQ(Decide(About("data", "something else")), "create");
  Event event = About("data");
  event.reason = "KeyRotated";
  EXPECT_EQ(Decide(event), "create");
  event = About("data");
  event.is_warning = false;
  EXPECT_EQ(Decide(event), "create");
  event = About("data");
  event.regarding.uid = "next";
  EXPECT_EQ(Decide(event), "create");
}

TEST_F(EventFilterTest, AfterTenQuietMinutesItIsANewOne) {
  EXPECT_EQ(Decide(About("data")), "create");
  clock_.Advance(minutes(10));
  EXPECT_EQ(Decide(About("data")), "count 2 in object-1");
  clock_.Advance(minutes(10) + seconds(1));
  EXPECT_EQ(Decide(About("data")), "create");
  EXPECT_EQ(Decide(About("data")), "count 2 in object-2");
}

TEST_F(EventFilterTest, AFloodIsCutAt25AndThenOneEveryFiveMinutes) {
  for (int i = 0; i < 25; ++i) {
    EXPECT_NE(Decide(About("data", Cat("message ", i))), "drop") << i;
  }
  EXPECT_EQ(Decide(About("data", "one more")), "drop");
  EXPECT_EQ(Decide(About("other")), "create");
  clock_.Advance(minutes(5) - seconds(1));
  EXPECT_EQ(Decide(About("data", "one more")), "drop");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Decide(About("data", "one more")), "create");
  EXPECT_EQ(Decide(About("data", "two more")), "drop");
}

TEST_F(EventFilterTest, ALongRestFillsNoMoreThanABurst) {
  EXPECT_EQ(Decide(About("data")), "create");
  clock_.Advance(std::chrono::hours(1000));
  for (int i = 0; i < 25; ++i) {
    EXPECT_NE(Decide(About("data", Cat(i))), "drop");
  }
  EXPECT_EQ(Decide(About("data", "last")), "drop");
}

TEST_F(EventFilterTest, WithoutItsObjectAnEventIsCreatedAgain) {
  EXPECT_EQ(Decide(About("data")), "create");
  filter_.Lost(About("data"));
  EXPECT_EQ(Decide(About("data")), "create");
}

TEST_F(EventFilterTest, ACreationThatFailedIsTriedAgain) {
  EXPECT_EQ(filter_.Decide(About("data")).action, Action::kCreate);
  EXPECT_EQ(filter_.Decide(About("data")).action, Action::kCreate);
}

TEST(RecentMapTest, TheOneUsedLongestAgoIsForgotten) {
  RecentMap<std::string, int> map(2);
  map.Touch("a") = 1;
  map.Touch("b") = 2;
  EXPECT_EQ(map.Touch("a"), 1);
  map.Touch("c") = 3;
  EXPECT_EQ(map.size(), 2U);
  EXPECT_EQ(map.Touch("a"), 1);
  EXPECT_EQ(map.Touch("b"), 0);
  map.Forget("a");
  map.Forget("never");
  EXPECT_EQ(map.size(), 1U);
}

}  // namespace
}  // namespace rbdcrypt::k8s
