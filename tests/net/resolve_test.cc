// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/resolve.h"

#include <atomic>

#include <absl/synchronization/notification.h>
#include <gtest/gtest.h>

#include "tests/net/tls_world.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ResolveTest, AddressesAreTakenAsTheyAre) {
  for (const auto& [host, family] :
       std::vector<std::pair<std::string, int>>{{"127.0.0.1", AF_INET}, {"fd00::1", AF_INET6}}) {
    const auto addresses = Resolve(Context::Background(), {.host = host, .port = 5696});
    ASSERT_THAT(addresses, IsOk());
    EXPECT_EQ((*addresses)->ai_family, family);
    EXPECT_EQ((*addresses)->ai_socktype, SOCK_STREAM);
    EXPECT_EQ((*addresses)->ai_next, nullptr);
  }
}

TEST(ResolveTest, NamesAreLookedUp) {
  EXPECT_THAT(Resolve(Context::Background(), {.host = "localhost", .port = 1}), IsOk());
}

int FindNothing(const char*, const char*, const addrinfo*, addrinfo**) {
  return EAI_AGAIN;
}

TEST(ResolveTest, AnUnknownNameIsUnavailable) {
  EXPECT_THAT(
      ResolveBy(&FindNothing, Context::Background(), {.host = "kmip", .port = 7}),
      StatusIs(Code::kUnavailable, AllOf(HasSubstr("kmip:7"), HasSubstr("Temporary failure"))));
}

// A resolver that answers when told to, and says when it has.
struct SlowResolver {
  absl::Notification may_answer;
  absl::Notification has_answered;
};

std::atomic<SlowResolver*> slow_resolver = nullptr;

int AnswerLate(const char*, const char* port, const addrinfo* hints, addrinfo** found) {
  SlowResolver& resolver = *slow_resolver;
  resolver.may_answer.WaitForNotification();
  const int error = ::getaddrinfo("127.0.0.1", port, hints, found);
  resolver.has_answered.Notify();
  return error;
}

Status GiveUp(const Context& context) {
  SlowResolver resolver;
  slow_resolver = &resolver;
  const Status status = ResolveBy(&AnswerLate, context, {.host = "kmip", .port = 7}).status();
  EXPECT_FALSE(resolver.has_answered.HasBeenNotified());
  resolver.may_answer.Notify();
  resolver.has_answered.WaitForNotification();
  return status;
}

TEST(ResolveTest, WhoGivesUpLeavesTheResolverBehind) {
  EXPECT_THAT(GiveUp(CancelledAfter(1)), StatusIs(Code::kCancelled, HasSubstr("kmip:7")));
  FakeClock clock;
  EXPECT_THAT(GiveUp(PassingWhenAsked(clock, std::chrono::seconds(2), std::chrono::seconds(3))),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("kmip:7")));
}

TEST(ResolveTest, NobodyIsAskedInVain) {
  EXPECT_THAT(ResolveBy(&AnswerLate, CancelledAfter(0), {.host = "kmip", .port = 7}),
              StatusIs(Code::kCancelled));
}

}  // namespace
}  // namespace rbdcrypt::net
