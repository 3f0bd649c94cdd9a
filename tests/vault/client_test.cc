// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/client.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vault.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using vault::Answer;
using vault::Call;
using vault::Node;
using vault::Verdict;
using NodeMode = FakeVault::NodeMode;

constexpr const char* kA = "https://a:8200";
constexpr const char* kB = "https://b:8200";

class VaultClientTest : public ::testing::Test {
 protected:
  VaultClientTest() : vault_(clock_), token_("root") {
    vault_.AddMount("kv1", 1);
    vault_.AddToken("root");
    vault_.Put1("kv1", "x", R"({"data":{"passphrase":"p"}})");
  }

  void Connect(const std::vector<std::string>& addresses) {
    auto server = vault::Server::New(addresses, {}, vault_.Factory(), {});
    ASSERT_THAT(server, IsOk());
    client_ = std::make_unique<vault::Client>(*server, vault::RetryLimits{});
  }

  Context context() { return Context({.clock = &clock_}); }

  Result<Answer> Get(Node node = Node::kAny) {
    return client_->Send(context(), {.path = "kv1/x", .node = node}, &token_);
  }

  Result<Answer> Put() {
    return client_->Send(context(), {.method = "PUT", .path = "kv1/x", .body = Secret("{}")},
                         &token_);
  }

  FakeClock clock_;
  FakeVault vault_;
  Secret token_;
  std::unique_ptr<vault::Client> client_;
};

TEST_F(VaultClientTest, SendsItsHeadersAndTheTokenAsASecret) {
  Connect({kA});
  const Call call{.path = "kv1/x", .namespace_header = "ns"};
  ASSERT_THAT(client_->Send(context(), call, &token_), IsOk());
  const FakeVault::Seen seen = vault_.seen().at(0);
  EXPECT_EQ(seen.headers.at("X-Vault-Request"), "true");
  EXPECT_EQ(seen.headers.at("X-Vault-Namespace"), "ns");
  EXPECT_EQ(seen.token, "root");
}

TEST_F(VaultClientTest, NoNamespaceHeaderIsSentForTheRoot) {
  Connect({kA});
  ASSERT_THAT(Get(), IsOk());
  EXPECT_EQ(vault_.seen().at(0).headers.count("X-Vault-Namespace"), 1U);
  EXPECT_EQ(vault_.seen().at(0).headers.at("X-Vault-Namespace"), "");
}

TEST_F(VaultClientTest, TransientAnswersAreTriedAgain) {
  for (const int status : {412, 429, 472, 473, 474, 500, 502, 503, 504}) {
    Connect({kA});
    vault_.Inject("kv1/x", {.status = status}, 2);
    ASSERT_OK_AND_ASSIGN(const Answer answer, Get());
    EXPECT_EQ(answer.verdict(), Verdict::kSuccess) << status;
  }
}

TEST_F(VaultClientTest, PermanentAnswersAreReturnedAtOnce) {
  for (const int status : {400, 403, 404, 405, 413, 501}) {
    Connect({kA});
    const int before = vault_.Count("kv1/x");
    vault_.Inject("kv1/x", {.status = status});
    ASSERT_OK_AND_ASSIGN(const Answer answer, Get());
    EXPECT_EQ(answer.status(), status);
    EXPECT_EQ(vault_.Count("kv1/x"), before + 1);
  }
}

TEST_F(VaultClientTest, RetryAfterIsWaitedFor) {
  Connect({kA});
  vault_.Inject("kv1/x", {.status = 429, .headers = {{.name = "Retry-After", .value = "7"}}});
  ASSERT_THAT(Get(), IsOk());
  // And a little more, so that many who were told so do not come at once.
  EXPECT_GE(clock_.slept(), seconds(7));
  EXPECT_LE(clock_.slept(), std::chrono::milliseconds(7250));
}

TEST_F(VaultClientTest, RetryAfterBeyondTheDeadlineIsNotBegun) {
  Connect({kA});
  vault_.Inject("kv1/x", {.status = 429, .headers = {{.name = "Retry-After", .value = "7"}}});
  EXPECT_THAT(client_->Send(context().WithTimeout(seconds(5)), {.path = "kv1/x"}, &token_),
              StatusIs(Code::kUnavailable, HasSubstr("rate-limit")));
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(VaultClientTest, SealedIsSaid) {
  Connect({kA});
  vault_.SetNode(kA, NodeMode::kSealed);
  EXPECT_THAT(Get(), StatusIs(Code::kUnavailable,
                              AllOf(HasSubstr(kA), HasSubstr("sealed"), HasSubstr("unseal it"))));
}

TEST_F(VaultClientTest, WrongCaIsAConfigurationErrorAndNotRetried) {
  Connect({kA});
  vault_.SetNode(kA, NodeMode::kWrongCa);
  EXPECT_THAT(Get(), StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("unknown authority"),
                                                            HasSubstr("vaultCAFromSecret"))));
  EXPECT_EQ(vault_.Count("kv1/x"), 1);
}

TEST_F(VaultClientTest, AnotherAddressIsTakenWithoutAnyWait) {
  Connect({kA, kB});
  vault_.SetNode(kA, NodeMode::kDown);
  ASSERT_OK_AND_ASSIGN(const Answer answer, Get());
  EXPECT_EQ(answer.verdict(), Verdict::kSuccess);
  EXPECT_EQ(clock_.slept(), seconds(0));
  // And remembered: the next call goes there first.
  ASSERT_THAT(Get(), IsOk());
  EXPECT_EQ(vault_.seen().back().node, kB);
  EXPECT_EQ(vault_.seen().size(), 3U);
}

TEST_F(VaultClientTest, RedirectIsFollowedToAConfiguredAddressOnly) {
  Connect({kA, kB});
  vault_.SetNode(kA, NodeMode::kRedirects);
  vault_.SetNode(kB, NodeMode::kActive);
  ASSERT_OK_AND_ASSIGN(const Answer answer, Get());
  EXPECT_EQ(answer.verdict(), Verdict::kSuccess);

  Connect({kA});
  EXPECT_THAT(Get(), StatusIs(Code::kUnavailable, HasSubstr("vaultAddress")));
  for (const FakeVault::Seen& seen : vault_.seen()) {
    EXPECT_TRUE(seen.node == kA || seen.node == kB);
  }
}

TEST_F(VaultClientTest, DecidingReadGoesToTheActiveNodeAndNotToALyingStandby) {
  vault_.Freeze();
  vault_.Put1("kv1", "x", R"({"data":{"passphrase":"new"}})");
  vault_.SetNode(kA, NodeMode::kStale);
  vault_.SetNode(kB, NodeMode::kActive);
  Connect({kA, kB});
  ASSERT_THAT(Get(Node::kActive), IsOk());
  EXPECT_EQ(vault_.seen().back().node, kB);
}

TEST_F(VaultClientTest, WithoutAnActiveNodeADecidingReadIsUnavailable) {
  vault_.SetNode(kA, NodeMode::kStandby);
  vault_.SetNode(kB, NodeMode::kSealed);
  Connect({kA, kB});
  EXPECT_THAT(Get(Node::kActive),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("active node"), HasSubstr("standby"), HasSubstr("sealed"))));
  EXPECT_EQ(vault_.Count("kv1/x"), 0);
}

TEST_F(VaultClientTest, AddressThatTlsRefusesDoesNotHideTheOthers) {
  vault_.SetNode(kA, NodeMode::kWrongCa);
  vault_.SetNode(kB, NodeMode::kActive);
  for (const Node node : {Node::kAny, Node::kActive}) {
    Connect({kA, kB});
    ASSERT_OK_AND_ASSIGN(const Answer answer, Get(node));
    EXPECT_EQ(answer.verdict(), Verdict::kSuccess);
  }
  EXPECT_EQ(clock_.slept(), seconds(0));
}

TEST_F(VaultClientTest, TlsThatRefusesEveryAddressIsAConfigurationError) {
  vault_.SetNode(kA, NodeMode::kWrongCa);
  vault_.SetNode(kB, NodeMode::kWrongCa);
  for (const Node node : {Node::kAny, Node::kActive}) {
    Connect({kA, kB});
    EXPECT_THAT(Get(node), StatusIs(Code::kInvalidArgument, HasSubstr("vaultCAFromSecret")));
  }
}

TEST_F(VaultClientTest, ElectionIsWaitedForAndOpensNoBreaker) {
  vault_.SetNode(kA, NodeMode::kStandby);
  vault_.SetNode(kB, NodeMode::kDown);
  Connect({kA, kB});
  for (int i = 0; i < 3; ++i) {
    const auto slept = clock_.slept();
    EXPECT_THAT(Get(Node::kActive), StatusIs(Code::kUnavailable, HasSubstr("its election")));
    EXPECT_GT(clock_.slept() - slept, seconds(18));
    EXPECT_LT(clock_.slept() - slept, seconds(22));
  }
  int asked = 0;
  vault_.SetHook([&](const FakeVault::Seen& seen) {
    if (seen.path == "sys/health" && seen.node == kA && ++asked == 10) {
      vault_.SetNode(kA, NodeMode::kActive);
    }
  });
  EXPECT_THAT(Get(Node::kActive), IsOk());
}

TEST_F(VaultClientTest, SilentAddressLeavesTimeForTheOthers) {
  vault_.SetNode(kA, NodeMode::kSilent);
  vault_.SetNode(kB, NodeMode::kActive);
  for (const Node node : {Node::kAny, Node::kActive}) {
    Connect({kA, kB});
    EXPECT_THAT(
        client_->Send(context().WithTimeout(seconds(5)), {.path = "kv1/x", .node = node}, &token_),
        IsOk());
  }
}

TEST_F(VaultClientTest, BreakerAnswersFastWhileTheServerIsDownAndRecovers) {
  Connect({kA});
  vault_.SetNode(kA, NodeMode::kDown);
  EXPECT_THAT(Get(), StatusIs(Code::kUnavailable, HasSubstr("connection refused")));
  EXPECT_THAT(Get(), StatusIs(Code::kUnavailable, HasSubstr("has been down since")));
  const auto slept = clock_.slept();
  const int sent = vault_.Count("kv1/x");
  EXPECT_EQ(sent, 5);
  vault_.SetNode(kA, NodeMode::kActive);
  clock_.Advance(seconds(31));
  EXPECT_THAT(Get(), IsOk());
  EXPECT_GE(slept, seconds(0));
}

TEST_F(VaultClientTest, TellsWhetherARequestMayHaveBeenActedUpon) {
  Connect({kA});
  vault_.SetNode(kA, NodeMode::kDown);
  EXPECT_FALSE(net::MayHaveArrived(Put().status()));
  vault_.SetNode(kA, NodeMode::kActive);
  Connect({kA});
  vault_.Inject("PUT kv1/x", {.status = 0, .acts = true}, 4);
  EXPECT_TRUE(net::MayHaveArrived(Put().status()));
  Connect({kA});
  vault_.Inject("PUT kv1/x", {.status = 503}, 4);
  EXPECT_FALSE(net::MayHaveArrived(Put().status()));
}

TEST_F(VaultClientTest, AnswerAfterALostOneIsMarkedAsRepeated) {
  Connect({kA});
  ASSERT_OK_AND_ASSIGN(const Answer first, Put());
  EXPECT_FALSE(first.was_repeated());
  vault_.Inject("PUT kv1/x", {.status = 0, .acts = true});
  ASSERT_OK_AND_ASSIGN(const Answer second, Put());
  EXPECT_TRUE(second.was_repeated());
}

TEST_F(VaultClientTest, ReadsAfterAWriteAskForItsIndex) {
  Connect({kA});
  vault_.Inject(
      "PUT kv1/x",
      {.status = 200, .body = "{}", .headers = {{.name = "X-Vault-Index", .value = "i1"}}});
  ASSERT_THAT(Put(), IsOk());
  ASSERT_THAT(Get(Node::kActive), IsOk());
  EXPECT_EQ(vault_.seen().back().headers.at("X-Vault-Index"), "i1");
  EXPECT_EQ(vault_.seen().back().headers.at("X-Vault-Inconsistent"), "forward-active-node");
}

// What the limiter promises, through the whole way of a call.
TEST_F(VaultClientTest, MountOvertakesQueuedBackgroundCalls) {
  auto server = vault::Server::New({kA}, {}, vault_.Factory(), {.seats = 1});
  ASSERT_THAT(server, IsOk());
  client_ = std::make_unique<vault::Client>(*server, vault::RetryLimits{});
  kms::Limiter& limiter = (*server)->limiter();
  // The first request stays until all others wait.
  vault_.SetHook([&](const FakeVault::Seen& seen) {
    while (seen.path == "kv1/first" && (limiter.WaitingForTest(kms::Urgency::kMount) < 1 ||
                                        limiter.WaitingForTest(kms::Urgency::kBackground) < 5)) {
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  const auto call = [&](const char* path, kms::Urgency urgency) {
    threads.emplace_back([this, path, urgency] {
      EXPECT_THAT(client_->Send(context(), {.path = path, .urgency = urgency}, &token_), IsOk());
    });
  };
  call("kv1/first", kms::Urgency::kBackground);
  while (vault_.Count("kv1/first") == 0) {
    std::this_thread::yield();
  }
  for (int i = 0; i < 5; ++i) {
    call("kv1/background", kms::Urgency::kBackground);
  }
  call("kv1/mount", kms::Urgency::kMount);
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(vault_.seen().at(1).path, "kv1/mount");
  EXPECT_EQ(vault_.seen().size(), 7U);
}

TEST_F(VaultClientTest, CancelledCallIsNotTriedAgain) {
  Connect({kA});
  vault_.SetNode(kA, NodeMode::kDown);
  bool is_cancelled = false;
  vault_.SetHook([&](const FakeVault::Seen&) { is_cancelled = true; });
  const Context ended({.clock = &clock_, .is_cancelled = [&] { return is_cancelled; }});
  EXPECT_THAT(client_->Send(ended, {.path = "kv1/x"}, &token_), StatusIs(Code::kCancelled));
  EXPECT_EQ(vault_.Count("kv1/x"), 1);
}

}  // namespace
}  // namespace rbdcrypt::testing
