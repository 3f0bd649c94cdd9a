// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/seat_queue.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace rbdcrypt::testing {
namespace {

using kms::SeatQueue;
using kms::Urgency;

// Waiters that joined in order.
class Crowd {
 public:
  Crowd(SeatQueue& queue, Urgency urgency, int count) {
    for (int i = 0; i < count; ++i) {
      waiters_.push_back(std::make_unique<SeatQueue::Waiter>(urgency));
      queue.Join(*waiters_.back());
    }
  }

  int seated() const {
    int count = 0;
    for (const auto& waiter : waiters_) {
      count += waiter->has_seat ? 1 : 0;
    }
    return count;
  }

  SeatQueue::Waiter& operator[](std::size_t index) { return *waiters_[index]; }

 private:
  std::vector<std::unique_ptr<SeatQueue::Waiter>> waiters_;
};

TEST(SeatQueueTest, MountWaitsForAtMostOneOfAThousandBackgroundCalls) {
  for (const int seats : {1, 16}) {
    SeatQueue queue(static_cast<std::size_t>(seats));
    Crowd background(queue, Urgency::kBackground, 1000);
    Crowd mount(queue, Urgency::kMount, 1);
    EXPECT_EQ(background.seated(), seats);
    EXPECT_EQ(mount.seated(), 0);
    // The first of them to end, whichever.
    queue.Release();
    EXPECT_EQ(mount.seated(), 1);
    EXPECT_EQ(background.seated(), seats);
  }
}

TEST(SeatQueueTest, EqualsAreServedInTheirOrder) {
  SeatQueue queue(1);
  Crowd background(queue, Urgency::kBackground, 3);
  EXPECT_TRUE(background[0].has_seat);
  queue.Release();
  EXPECT_TRUE(background[1].has_seat);
  EXPECT_FALSE(background[2].has_seat);
  queue.Release();
  EXPECT_TRUE(background[2].has_seat);
}

TEST(SeatQueueTest, WhoLeavesIsPassedOver) {
  SeatQueue queue(1);
  Crowd mounts(queue, Urgency::kMount, 3);
  queue.Leave(mounts[1]);
  EXPECT_EQ(queue.waiting(Urgency::kMount), 1U);
  queue.Release();
  EXPECT_FALSE(mounts[1].has_seat);
  EXPECT_TRUE(mounts[2].has_seat);
}

TEST(SeatQueueTest, SeatsThatNobodyWantsStayFree) {
  SeatQueue queue(2);
  Crowd first(queue, Urgency::kMount, 1);
  queue.Release();
  Crowd others(queue, Urgency::kBackground, 3);
  EXPECT_EQ(others.seated(), 2);
}

}  // namespace
}  // namespace rbdcrypt::testing
