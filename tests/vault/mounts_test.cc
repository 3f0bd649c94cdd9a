// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/mounts.h"

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/vault/vault_world.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using vault::KvMount;

vault::Answer Of(std::string_view body) {
  return vault::Answer::From(FakeHttpClient::Answer(200, body));
}

TEST(MountsTest, UiMountTellsVersionAndWhatIsBelowIt) {
  ASSERT_OK_AND_ASSIGN(
      const KvMount mount,
      vault::ParseUiMount(
          Of(R"({"data":{"path":"secret/","type":"kv","options":{"version":"2"}}})"),
          "secret/team"));
  EXPECT_EQ(mount.version, 2);
  EXPECT_EQ(mount.path, "secret");
  EXPECT_EQ(mount.prefix, "team");
}

TEST(MountsTest, OptionsMayBeNullAndMeanVersionOne) {
  ASSERT_OK_AND_ASSIGN(
      const KvMount mount,
      vault::ParseUiMount(Of(R"({"data":{"path":"kv1/","type":"kv","options":null}})"), "kv1"));
  EXPECT_EQ(mount.version, 1);
}

TEST(MountsTest, AnotherEngineOrAnotherMountIsNone) {
  EXPECT_THAT(vault::ParseUiMount(Of(R"({"data":{"path":"pki/","type":"pki"}})"), "pki"),
              StatusIs(Code::kInvalidArgument, HasSubstr("vaultBackendPath")));
  EXPECT_THAT(vault::ParseUiMount(Of(R"({"data":{"path":"sec/","type":"kv"}})"), "secret"),
              StatusIs(Code::kUnavailable));
  EXPECT_THAT(vault::ParseUiMount(Of("{}"), "secret"), StatusIs(Code::kUnavailable));
}

TEST(MountsTest, ListedMountsMustBeExact) {
  const auto listed = [](const char* path) {
    return vault::ParseMounts(Of(R"({"data":{"secret/":{"type":"kv","options":{"version":"2"}},)"
                                 R"("old/":{"type":"generic","options":null}}})"),
                              path);
  };
  EXPECT_EQ(listed("secret")->version, 2);
  EXPECT_EQ(listed("old")->version, 1);
  EXPECT_THAT(listed("secret/team"), StatusIs(Code::kNotFound));
}

constexpr const char* kProbe = "sys/internal/ui/mounts";
constexpr int kThreads = 8;

// Opens the driver's entry, whose mount nobody knows yet, in many threads; the first question is
// held until all are on their way. How many of them cannot work.
int FailuresOfThreadsThatComeTogether(VaultWorld& world) {
  std::atomic<int> inside = 0;
  world.vault.SetHook([&](const FakeVault::Seen& seen) {
    while (seen.path.find(kProbe) != std::string::npos && inside < kThreads) {
      std::this_thread::yield();
    }
  });
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto kms = world.Open(VaultWorld::DriverEntry());
      ++inside;
      failures += kms.ok() && (*kms)->Connect(world.context()).ok() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return failures;
}

TEST(MountsTest, ThreadsThatComeTogetherShareOneQuestion) {
  VaultWorld world;
  EXPECT_EQ(FailuresOfThreadsThatComeTogether(world), 0);
  EXPECT_EQ(world.vault.Count(kProbe), 1);
}

TEST(MountsTest, WhoWaitedForAQuestionThatFailedAsksAnew) {
  VaultWorld world;
  world.vault.Inject(kProbe, {.status = 400});
  world.vault.Inject("sys/mounts", {.status = 400});
  EXPECT_EQ(FailuresOfThreadsThatComeTogether(world), 1);
  EXPECT_GE(world.vault.Count(kProbe), 2);
}

TEST(MountsTest, WaitingForAnAnswerEndsWithTheCall) {
  VaultWorld world;
  std::atomic<bool> is_asking = false;
  std::atomic<bool> may_answer = false;
  world.vault.SetHook([&](const FakeVault::Seen& seen) {
    is_asking = is_asking || seen.path.find(kProbe) != std::string::npos;
    while (is_asking && !may_answer) {
      std::this_thread::yield();
    }
  });
  const auto first = world.Open(VaultWorld::DriverEntry());
  std::thread asker([&] { EXPECT_THAT((*first)->Connect(world.context()), IsOk()); });
  while (!is_asking) {
    std::this_thread::yield();
  }
  const auto second = world.Open(VaultWorld::DriverEntry());
  const Context cancelled({.clock = &world.clock, .is_cancelled = [] { return true; }});
  EXPECT_THAT((*second)->Connect(cancelled),
              StatusIs(Code::kCancelled, HasSubstr("about a mount")));
  may_answer = true;
  asker.join();
}

}  // namespace
}  // namespace rbdcrypt::testing
