// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/events.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using std::chrono::seconds;
using testing::FakeClock;
using testing::FakeKubeApi;
using ::testing::SizeIs;

Event About(const std::string& name, const std::string& message = "it happened") {
  return {.regarding = {.api_version = "v1",
                        .kind = "PersistentVolumeClaim",
                        .ns = "shop",
                        .name = name,
                        .uid = "u-1"},
          .is_warning = true,
          .reason = "KeyRotationFailed",
          .message = message};
}

class EventsTest : public ::testing::Test {
 protected:
  // All Events of a namespace once the sender has ended.
  std::vector<Json> Stored(const std::string& ns) {
    auto list = client_.List(Context::Background(), kEvents, {.ns = ns});
    EXPECT_THAT(list, testing::IsOk());
    return list.ok() ? std::move(list->items) : std::vector<Json>();
  }

  FakeKubeApi api_;
  FakeClock clock_;
  RestClient client_{api_, nullptr, {.max_attempts = 1}};
  EventSender sender_{client_, clock_, {.instance = "node-1", .max_queued = 40}};
};

TEST_F(EventsTest, AnEventHasWhatDescribeShows) {
  sender_.Record(About("data"));
  sender_.Stop();
  const auto events = Stored("shop");
  ASSERT_THAT(events, SizeIs(1));
  const Json& event = events[0];
  EXPECT_EQ(event["involvedObject"],
            Json::parse(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","namespace":"shop",
                            "name":"data","uid":"u-1"})"));
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "KeyRotationFailed");
  EXPECT_EQ(event["message"], "it happened");
  EXPECT_EQ(event["source"], Json::parse(R"({"component":"rbdcrypt","host":"node-1"})"));
  EXPECT_EQ(event["reportingComponent"], "rbdcrypt");
  EXPECT_EQ(event["reportingInstance"], "node-1");
  EXPECT_EQ(event["firstTimestamp"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(event["lastTimestamp"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(event["count"], 1);
  EXPECT_THAT(event["metadata"]["name"].get<std::string>(), ::testing::StartsWith("data."));
  EXPECT_EQ(sender_.dropped(), 0);
}

TEST_F(EventsTest, RepetitionsRaiseTheCountOfOneObject) {
  for (int i = 0; i < 3; ++i) {
    sender_.Record(About("data"));
  }
  sender_.Record(About("data", "something else"));
  sender_.Stop();
  const auto events = Stored("shop");
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0]["count"].get<int>() + events[1]["count"].get<int>(), 4);
  EXPECT_EQ(api_.Count("PATCH", "api/v1/namespaces/shop/events/data."), 2U);
}

TEST_F(EventsTest, AFloodIsCutAndCounted) {
  for (int i = 0; i < 30; ++i) {
    sender_.Record(About("data", Cat("message ", i)));
  }
  sender_.Stop();
  EXPECT_THAT(Stored("shop"), SizeIs(25));
  EXPECT_EQ(sender_.dropped(), 5);
}

TEST_F(EventsTest, ObjectsOfNoNamespaceHaveTheirEventsInDefault) {
  Event event = About("pvc-1");
  event.regarding.kind = "PersistentVolume";
  event.regarding.ns = "";
  event.is_warning = false;
  sender_.Record(event);
  sender_.Stop();
  const auto events = Stored("default");
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0]["type"], "Normal");
  EXPECT_FALSE(events[0]["involvedObject"].contains("namespace"));
}

TEST_F(EventsTest, AnEventWhoseObjectIsGoneIsCreatedAgain) {
  sender_.Record(About("data"));
  while (Stored("shop").empty()) {
  }
  const std::string first = Stored("shop")[0]["metadata"]["name"];
  api_.Remove(kEvents, {"shop", first});
  sender_.Record(About("data"));
  sender_.Stop();
  const auto events = Stored("shop");
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_NE(events[0]["metadata"]["name"], first);
  EXPECT_EQ(events[0]["count"], 1);
}

TEST_F(EventsTest, LongTextsAreCutBetweenCharacters) {
  // 1023 bytes and a character of two.
  sender_.Record(About(std::string(253, 'n'), std::string(1023, 'x') + "\xC3\xA4 and more"));
  sender_.Stop();
  const auto events = Stored("shop");
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0]["message"].get<std::string>(), std::string(1023, 'x'));
  EXPECT_EQ(events[0]["metadata"]["name"].get<std::string>().size(), 253U);
}

TEST_F(EventsTest, ARefusedEventIsCountedAndTheNextIsWritten) {
  api_.Fail({.status = 403});
  sender_.Record(About("data"));
  sender_.Record(About("other"));
  sender_.Stop();
  EXPECT_THAT(Stored("shop"), SizeIs(1));
  EXPECT_EQ(sender_.dropped(), 1);
}

TEST_F(EventsTest, WhatComesAfterTheEndIsCounted) {
  sender_.Stop();
  sender_.Record(About("data"));
  EXPECT_EQ(sender_.dropped(), 1);
  EXPECT_THAT(Stored("shop"), SizeIs(0));
}

// A server that answers nothing until it is told to.
TEST(EventSenderTest, AFullQueueNeverBlocksItsCaller) {
  absl::Mutex mutex;
  bool open = false;
  testing::FakeHttpClient http([&](const auto&) -> Result<net::HttpAnswer> {
    mutex.LockWhen(absl::Condition(&open));
    mutex.Unlock();
    return testing::FakeHttpClient::Answer(201, "{}");
  });
  RestClient client(http);
  EventSender sender(client, SystemClock(), {.max_queued = 3});
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    sender.Record(About(Cat("data-", i)));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, seconds(1));
  // One may be under way.
  EXPECT_GE(sender.dropped(), 6);
  EXPECT_LE(sender.dropped(), 7);
  {
    absl::MutexLock lock(&mutex);
    open = true;
  }
  sender.Stop();
  EXPECT_EQ(static_cast<std::int64_t>(http.seen().size()) + sender.dropped(), 10);
}

}  // namespace
}  // namespace rbdcrypt::k8s
