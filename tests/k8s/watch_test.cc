// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/watch.h"

#include <chrono>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeClock;
using testing::FakeKubeApi;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::StatusIs;

// What the listener was told, one line a call: "A one; M two | one two".
class Heard {
 public:
  WatchListener Listener() {
    return [this](const std::vector<ObjectChange>& changes, const ObjectSet& all) {
      std::vector<std::string> told;
      for (const ObjectChange& change : changes) {
        const char kinds[] = {'A', 'M', 'D'};
        told.push_back(Cat(kinds[static_cast<int>(change.kind)], ' ', change.name.name));
      }
      std::vector<std::string> names;
      for (const auto& object : all) {
        names.push_back(object.first.name);
      }
      absl::MutexLock lock(&mutex_);
      lines_.push_back(Cat(Join(told, "; "), " | ", Join(names, " ")));
    };
  }

  std::vector<std::string> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

  // False after ten seconds of real time.
  bool WaitFor(std::size_t lines) const {
    const auto is_reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return lines_.size() >= lines;
    };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&is_reached), absl::Seconds(10));
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

class WatchTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& value = "1") {
    api_.Put(kConfigMaps, {.ns = "shop", .name = name}, {{"data", {{"v", value}}}});
  }

  std::size_t Lists() const { return api_.Count("GET", "api/v1/configmaps?limit"); }

  FakeKubeApi api_;
  FakeClock clock_;
  RestClient client_{api_, nullptr, {.max_attempts = 1}};
  Heard heard_;
  WatcherOptions options_ = {.resource = kConfigMaps};
};

TEST_F(WatchTest, TheWholeSetComesFirstAndThenEachChange) {
  Put("one");
  Put("two");
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  EXPECT_TRUE(watcher.synced());
  Put("three");
  Put("one", "2");
  api_.Remove(kConfigMaps, {"shop", "two"});
  ASSERT_TRUE(heard_.WaitFor(4));
  EXPECT_THAT(heard_.lines(), ElementsAre("A one; A two | one two", "A three | one three two",
                                          "M one | one three two", "D two | one three"));
}

TEST_F(WatchTest, AnEmptySetIsToldToo) {
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(heard_.WaitFor(1));
  EXPECT_THAT(heard_.lines(), ElementsAre(" | "));
}

TEST_F(WatchTest, AWatchThatEndsOrDropsGoesOnWhereItWas) {
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  Put("one");
  ASSERT_TRUE(heard_.WaitFor(2));
  api_.EndWatches();
  ASSERT_TRUE(api_.WaitForWatches(2));
  Put("two");
  ASSERT_TRUE(heard_.WaitFor(3));
  api_.DropWatches();
  ASSERT_TRUE(api_.WaitForWatches(3));
  Put("three");
  ASSERT_TRUE(heard_.WaitFor(4));
  EXPECT_EQ(Lists(), 1U);
  EXPECT_THAT(heard_.lines(),
              ElementsAre(" | ", "A one | one", "A two | one two", "A three | one three two"));
}

TEST_F(WatchTest, AfterGoneTheListTellsWhatWasMissed) {
  Put("one");
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  api_.ForgetHistory();
  ASSERT_TRUE(api_.WaitForWatches(2));
  EXPECT_GE(Lists(), 2U);
  Put("two");
  ASSERT_TRUE(heard_.WaitFor(2));
  EXPECT_EQ(heard_.lines().back(), "A two | one two");
}

TEST_F(WatchTest, ABookmarkSparesTheNextList) {
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  // Versions pass by of which this watch sees nothing.
  for (int i = 0; i < 5; ++i) {
    api_.Put(kServiceAccounts, {"shop", Cat("sa-", i)}, Json::object());
  }
  api_.SendBookmarks();
  api_.EndWatches();
  ASSERT_TRUE(api_.WaitForWatches(2));
  watcher.Stop();
  const auto seen = api_.seen();
  EXPECT_THAT(seen.back().target, HasSubstr("resourceVersion=1005"));
  EXPECT_EQ(Lists(), 1U);
}

TEST_F(WatchTest, OneObjectIsWatchedByItsName) {
  options_.selection = {.ns = "shop", .fields = "metadata.name=one"};
  Put("two");
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  Put("three");
  Put("one");
  ASSERT_TRUE(heard_.WaitFor(2));
  EXPECT_THAT(heard_.lines(), ElementsAre(" | ", "A one | one"));
}

TEST_F(WatchTest, SecretsAreFollowedByIdentity) {
  api_.Put(kSecrets, {"shop", "key"}, {{"data", {{"k", "czNjcjN0"}}}});
  Watcher watcher(client_, clock_,
                  {.resource = kSecrets, .selection = {.ns = "shop", .identity_only = true}},
                  heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  api_.Put(kSecrets, {"shop", "key"}, {{"data", {{"k", "bmV3"}}}});
  ASSERT_TRUE(heard_.WaitFor(2));
  EXPECT_THAT(heard_.lines(), ElementsAre("A key | key", "M key | key"));
}

TEST_F(WatchTest, FailuresAreTriedAgainWithGrowingWaits) {
  api_.Fail({.status = 500}, 6);
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  // Half to the whole of 1, 2, 4, 8, 16 and 30 seconds.
  EXPECT_GE(clock_.slept(), milliseconds(30500));
  EXPECT_LE(clock_.slept(), seconds(61));
}

TEST_F(WatchTest, PermissionMayBeGrantedLater) {
  api_.Fail({.status = 403}, 3);
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  EXPECT_TRUE(heard_.WaitFor(1));
}

TEST_F(WatchTest, WhoMayOnlyListHearsOfChangesByListing) {
  int lists = 0;
  testing::FakeHttpClient http([&](const auto& seen) {
    if (seen.target.find("watch=true") != std::string::npos) {
      return testing::FakeHttpClient::Answer(403, R"({"kind":"Status","code":403})");
    }
    return testing::FakeHttpClient::Answer(
        200, Cat(R"({"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"c)", ++lists,
                 R"(","namespace":"shop","resourceVersion":"7"}}]})"));
  });
  RestClient client(http);
  WatchLoop loop(client, options_, heard_.Listener());
  loop.Run(Context({.clock = &clock_, .is_cancelled = [&] { return lists > 2; }}));
  ASSERT_THAT(heard_.lines(), SizeIs(3));
  EXPECT_THAT(heard_.lines().back(), HasSubstr("| c3"));
}

TEST_F(WatchTest, AWatchThatEndsAtOnceAndSaysNothingIsAFailure) {
  int watches = 0;
  testing::FakeHttpClient http([&](const auto& seen) {
    const bool is_watch = seen.target.find("watch=true") != std::string::npos;
    watches += is_watch ? 1 : 0;
    return testing::FakeHttpClient::Answer(
        200, is_watch ? "" : R"({"metadata":{"resourceVersion":"7"},"items":[]})");
  });
  RestClient client(http);
  WatchLoop loop(client, options_, heard_.Listener());
  loop.Run(Context({.clock = &clock_, .is_cancelled = [&] { return watches > 3; }}));
  EXPECT_EQ(watches, 4);
  EXPECT_GE(clock_.slept(), milliseconds(3500));
}

// How often a list is asked for by the time that a watch was refused so often.
class RefusedWatchTest : public WatchTest {
 protected:
  int ListsUntilWatch(int end, int status) {
    int lists = 0;
    int watches = 0;
    testing::FakeHttpClient http([&](const auto& seen) {
      if (seen.target.find("watch=true") != std::string::npos) {
        ++watches;
        return testing::FakeHttpClient::Answer(status, "{}");
      }
      ++lists;
      return testing::FakeHttpClient::Answer(200,
                                             R"({"metadata":{"resourceVersion":"7"},"items":[]})");
    });
    RestClient client(http, nullptr, {.max_attempts = 1});
    WatchLoop loop(client, options_, heard_.Listener());
    loop.Run(Context({.clock = &clock_, .is_cancelled = [&] { return watches >= end; }}));
    return lists;
  }
};

TEST_F(RefusedWatchTest, WhatIsNoPassingTroubleIsListedAnew) {
  for (const int status : {400, 403, 404, 405, 410, 422}) {
    EXPECT_EQ(ListsUntilWatch(3, status), 3) << status;
  }
}

TEST_F(RefusedWatchTest, PassingTroubleIsNotUnlessItStays) {
  for (const int status : {302, 408, 500, 503}) {
    EXPECT_EQ(ListsUntilWatch(3, status), 1) << status;
    EXPECT_EQ(ListsUntilWatch(4, status), 2) << status;
  }
}

TEST_F(WatchTest, AStreamThatIsNoneIsListedAnew) {
  Watcher watcher(client_, clock_, options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  api_.SendLine("garbage\n");
  ASSERT_TRUE(api_.WaitForWatches(2));
  EXPECT_EQ(Lists(), 2U);
  EXPECT_THAT(heard_.lines(), SizeIs(1));
}

TEST_F(WatchTest, StopEndsAnOpenWatchWithinASecond) {
  Watcher watcher(client_, SystemClock(), options_, heard_.Listener());
  ASSERT_TRUE(api_.WaitForWatches(1));
  const auto started = std::chrono::steady_clock::now();
  watcher.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(1));
  Put("late");
  EXPECT_THAT(heard_.lines(), SizeIs(1));
}

TEST_F(WatchTest, StopEndsAWaitWithinASecond) {
  api_.Fail({.status = 500}, 1000);
  options_.backoff = seconds(30);
  Watcher watcher(client_, SystemClock(), options_, heard_.Listener());
  const auto started = std::chrono::steady_clock::now();
  watcher.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(1));
}

TEST_F(WatchTest, ATurnReturnsTheErrorItEndedWith) {
  WatchLoop loop(client_, options_, heard_.Listener());
  api_.Fail({.status = 404});
  EXPECT_THAT(loop.Turn(Context({.clock = &clock_})), StatusIs(Code::kNotFound));
  EXPECT_FALSE(loop.synced());
}

}  // namespace
}  // namespace rbdcrypt::k8s
