// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/server.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/operations.h"
#include "net/arrival.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/fake_kmip_dialer.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Server;
using kmip::Session;
using kmip::Tried;
using kmip::Verdict;
using kms::Urgency;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// One connection, and real time.
class KmipServerTest : public ::testing::Test {
 protected:
  KmipServerTest()
      : server_(std::make_unique<FakeKmipDialer>("a:5696", fake_), {.connections = 1}) {}

  Tried Try(const Context& context, Server::Wish wish = {}) {
    return server_.Try(context, wish, [&](Session& session) {
      return session.Ask(context, kmip::QueryRequest()).status();
    });
  }

  // Keeps the only seat until it is destroyed.
  class Holder {
   public:
    explicit Holder(Server& server) {
      thread_ = std::thread([this, &server] {
        server.Try(Context::Background(), {}, [this](Session&) {
          begun_.Notify();
          end_.WaitForNotification();
          return OkStatus();
        });
      });
      begun_.WaitForNotification();
    }

    ~Holder() {
      end_.Notify();
      thread_.join();
    }

   private:
    absl::Notification begun_;
    absl::Notification end_;
    std::thread thread_;
  };

  void AwaitWaiting(Urgency urgency, std::size_t count) {
    while (server_.limiter().WaitingForTest(urgency) != count) {
      std::this_thread::yield();
    }
  }

  FakeKmip fake_;
  Server server_;
};

TEST_F(KmipServerTest, MountsGoBeforeBackgroundWork) {
  std::string order;
  absl::Mutex mutex;
  std::vector<std::thread> threads;
  const auto come = [&](Urgency urgency) {
    threads.emplace_back([&, urgency] {
      server_.Try(Context::Background(), {.urgency = urgency}, [&](Session&) {
        absl::MutexLock lock(&mutex);
        order += urgency == Urgency::kMount ? 'm' : 'b';
        return OkStatus();
      });
    });
  };
  {
    const Holder holder(server_);
    for (std::size_t i = 1; i <= 3; ++i) {
      come(Urgency::kBackground);
      AwaitWaiting(Urgency::kBackground, i);
    }
    come(Urgency::kMount);
    AwaitWaiting(Urgency::kMount, 1);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(order, "mbbb");
  EXPECT_EQ(server_.dials(), 1U);
}

TEST_F(KmipServerTest, WhoWaitsForAPlaceCanGiveUp) {
  const Holder holder(server_);
  std::atomic<bool> is_cancelled = false;
  std::thread canceller([&] {
    AwaitWaiting(Urgency::kMount, 1);
    is_cancelled = true;
  });
  const Tried cancelled =
      Try(Context({.is_cancelled = [&] { return is_cancelled.load(); }}), {.has_others = true});
  canceller.join();
  EXPECT_THAT(cancelled.status, StatusIs(Code::kCancelled));
  EXPECT_EQ(cancelled.verdict, Verdict::kGivenUp);
  EXPECT_FALSE(net::MayHaveArrived(cancelled.status));
  const Tried late = Try(Context::Background().WithTimeout(milliseconds(20)));
  EXPECT_THAT(late.status, StatusIs(Code::kDeadlineExceeded));
  EXPECT_EQ(late.verdict, Verdict::kGivenUp);
}

TEST_F(KmipServerTest, WhoMayGoElsewhereDoesNotWaitForAPlaceAllItsTime) {
  const Holder holder(server_);
  const Context context = Context::Background().WithTimeout(milliseconds(1500));
  const Tried tried = Try(context, {.has_others = true});
  EXPECT_THAT(tried.status, StatusIs(Code::kUnavailable, HasSubstr("a:5696 has no connection")));
  EXPECT_EQ(tried.verdict, Verdict::kNotNow);
  EXPECT_THAT(context.Check("go elsewhere"), IsOk());
}

TEST_F(KmipServerTest, ATryIsCounted) {
  EXPECT_EQ(Try(Context::Background()).verdict, Verdict::kFine);
  EXPECT_EQ(server_.dials(), 1U);
  EXPECT_EQ(server_.open(), 1U);
  EXPECT_EQ(server_.requests(), 2U);
  EXPECT_EQ(server_.address(), "a:5696");
}

TEST_F(KmipServerTest, AnErrorOfTheWorkAloneIsFinal) {
  const Tried tried = server_.Try(Context::Background(), {},
                                  [](Session&) { return Unavailable("not the server"); });
  EXPECT_EQ(tried.verdict, Verdict::kFinal);
  EXPECT_FALSE(tried.may_have_arrived);
}

}  // namespace
}  // namespace rbdcrypt::testing
