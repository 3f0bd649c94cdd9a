// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/login_session.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vault.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using std::chrono::minutes;
using ::testing::AllOf;
using ::testing::HasSubstr;
using vault::LoginSession;
using vault::Token;

constexpr const char* kLogin = "PUT auth/kubernetes/login";

class LoginSessionTest : public ::testing::Test {
 protected:
  LoginSessionTest() : vault_(clock_) {
    vault_.AddRole("", "kubernetes", "csi", {.jwts = {"jwt"}, .lease = minutes(60)});
    auto server = vault::Server::New({"https://a:8200"}, {}, vault_.Factory(), {});
    client_ = std::make_shared<vault::Client>(*server, vault::RetryLimits{});
  }

  std::unique_ptr<LoginSession> Session(vault::LoginPlace place) {
    return std::make_unique<LoginSession>(client_, std::move(place),
                                          [this](const Context&) -> Result<Secret> {
                                            ++jwts_;
                                            return Secret(jwt_);
                                          });
  }

  std::unique_ptr<LoginSession> Session() {
    return Session({.mount = "kubernetes", .role = "csi", .namespaces = {""}, .account = "sa"});
  }

  Context context() { return Context({.clock = &clock_}); }

  FakeClock clock_;
  FakeVault vault_;
  std::shared_ptr<vault::Client> client_;
  std::atomic<int> jwts_ = 0;
  std::string jwt_ = "jwt";
};

TEST_F(LoginSessionTest, SendsCephCsisBody) {
  const auto session = Session();
  ASSERT_THAT(session->Get(context()), IsOk());
  EXPECT_EQ(vault_.seen().at(0).body, R"({"jwt":"jwt","role":"csi"})");
  EXPECT_EQ(vault_.seen().at(0).method, "PUT");
  EXPECT_EQ(vault_.seen().at(0).token, "");
}

TEST_F(LoginSessionTest, OneLoginServesUntilTwoThirdsOfTheLease) {
  const auto session = Session();
  ASSERT_OK_AND_ASSIGN(const Token first, session->Get(context()));
  clock_.Advance(minutes(35));
  ASSERT_OK_AND_ASSIGN(Token token, session->Get(context()));
  EXPECT_EQ(token, first);
  EXPECT_EQ(vault_.Count(kLogin), 1);
  clock_.Advance(minutes(8));
  ASSERT_OK_AND_ASSIGN(token, session->Get(context()));
  EXPECT_NE(token, first);
  EXPECT_EQ(vault_.Count(kLogin), 2);
  EXPECT_EQ(jwts_, 2);
}

TEST_F(LoginSessionTest, OldTokenGoesOnWhileVaultIsDown) {
  const auto session = Session();
  ASSERT_OK_AND_ASSIGN(const Token first, session->Get(context()));
  vault_.SetNode("https://a:8200", FakeVault::NodeMode::kDown);
  clock_.Advance(minutes(45));
  ASSERT_OK_AND_ASSIGN(const Token token, session->Get(context()));
  EXPECT_EQ(token, first);
  clock_.Advance(minutes(20));
  EXPECT_THAT(session->Get(context()), StatusIs(Code::kUnavailable));
}

TEST_F(LoginSessionTest, LeaseOfZeroDoesNotEnd) {
  vault_.AddRole("", "kubernetes", "csi", {.jwts = {"jwt"}, .lease = std::chrono::seconds(0)});
  const auto session = Session();
  ASSERT_THAT(session->Get(context()), IsOk());
  clock_.Advance(std::chrono::hours(24 * 365));
  ASSERT_THAT(session->Get(context()), IsOk());
  EXPECT_EQ(vault_.Count(kLogin), 1);
}

TEST_F(LoginSessionTest, ThreadsThatComeTogetherShareOneLogin) {
  const auto session = Session();
  std::atomic<int> inside = 0;
  // The login is held until the others are on their way.
  vault_.SetHook([&](const FakeVault::Seen&) {
    while (inside < 8) {
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      ++inside;
      EXPECT_THAT(session->Get(context()), IsOk());
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(vault_.Count(kLogin), 1);
}

TEST_F(LoginSessionTest, TokenRefusedByManyLeadsToOneLogin) {
  const auto session = Session();
  ASSERT_OK_AND_ASSIGN(const Token first, session->Get(context()));
  session->Reject(first);
  ASSERT_OK_AND_ASSIGN(const Token second, session->Get(context()));
  // The other nine, late.
  session->Reject(first);
  ASSERT_OK_AND_ASSIGN(const Token third, session->Get(context()));
  EXPECT_EQ(second, third);
  EXPECT_EQ(vault_.Count(kLogin), 2);
}

TEST_F(LoginSessionTest, NewTokenThatIsRefusedTooIsKeptForAWhile) {
  const auto session = Session();
  ASSERT_OK_AND_ASSIGN(const Token first, session->Get(context()));
  session->Reject(first);
  ASSERT_OK_AND_ASSIGN(const Token second, session->Get(context()));
  session->Keep(context(), second);
  for (int i = 0; i < 29; ++i) {
    session->Reject(second);
    EXPECT_THAT(session->Get(context()), IsOkAndHolds(second));
    clock_.Advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(vault_.Count(kLogin), 2);
  clock_.Advance(std::chrono::seconds(1));
  // Old refusals are forgotten; the next one counts.
  EXPECT_THAT(session->Get(context()), IsOkAndHolds(second));
  session->Reject(second);
  ASSERT_OK_AND_ASSIGN(const Token third, session->Get(context()));
  EXPECT_NE(third, second);
  EXPECT_EQ(vault_.Count(kLogin), 3);
}

TEST_F(LoginSessionTest, RefusedTokenServesNobodyWhileVaultIsDown) {
  const auto session = Session();
  ASSERT_OK_AND_ASSIGN(const Token first, session->Get(context()));
  session->Reject(first);
  vault_.SetNode("https://a:8200", FakeVault::NodeMode::kDown);
  EXPECT_THAT(session->Get(context()), StatusIs(Code::kUnavailable));
}

// The time of another clock, and a wall clock that is wrong by any amount.
class SkewedClock final : public Clock {
 public:
  explicit SkewedClock(FakeClock& real) : real_(real) {}

  TimePoint Now() const override { return real_.Now(); }

  std::chrono::system_clock::time_point Wall() const override { return real_.Wall() + skew; }

  void SleepUntil(TimePoint when) override { real_.SleepUntil(when); }

  std::chrono::seconds skew = std::chrono::seconds::zero();

 private:
  FakeClock& real_;
};

// Leases are differences: our wall clock need not be right, and may be set while they run.
TEST_F(LoginSessionTest, LeaseIsJudgedByTheTimeThatPassedWhateverTheWallClockSays) {
  SkewedClock skewed(clock_);
  const Context context({.clock = &skewed});
  for (const int hours : {-1, 1}) {
    const auto session = Session();
    const int before = vault_.Count(kLogin);
    skewed.skew = std::chrono::hours(hours);
    ASSERT_THAT(session->Get(context), IsOk());
    skewed.skew = std::chrono::hours(-hours);
    clock_.Advance(minutes(35));
    ASSERT_THAT(session->Get(context), IsOk());
    EXPECT_EQ(vault_.Count(kLogin), before + 1) << hours;
    skewed.skew = std::chrono::hours(hours);
    clock_.Advance(minutes(8));
    ASSERT_THAT(session->Get(context), IsOk());
    EXPECT_EQ(vault_.Count(kLogin), before + 2) << hours;
  }
}

TEST_F(LoginSessionTest, UnknownRoleNamesTheOption) {
  const auto session =
      Session({.mount = "kubernetes", .role = "other", .namespaces = {""}, .account = "sa"});
  EXPECT_THAT(session->Get(context()),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("invalid role name"), HasSubstr("vaultRole"))));
}

TEST_F(LoginSessionTest, AccountThatTheRoleDoesNotNameIsDenied) {
  jwt_ = "somebody else's";
  EXPECT_THAT(Session()->Get(context()),
              StatusIs(Code::kPermissionDenied, HasSubstr("bound_service_account_names")));
}

TEST_F(LoginSessionTest, NamespacesAreTriedInOrderAndTheGoodOneIsRemembered) {
  vault_.AddNamespace("secrets");
  vault_.AddNamespace("auth");
  vault_.AddRole("auth", "kubernetes", "csi", {.jwts = {"jwt"}});
  const auto session = Session(
      {.mount = "kubernetes", .role = "csi", .namespaces = {"secrets", "auth"}, .account = "sa"});
  ASSERT_OK_AND_ASSIGN(const Token token, session->Get(context()));
  EXPECT_EQ(vault_.seen().at(0).ns, "secrets");
  EXPECT_EQ(vault_.seen().at(1).ns, "auth");
  session->Reject(token);
  ASSERT_THAT(session->Get(context()), IsOk());
  EXPECT_EQ(vault_.seen().size(), 3U);
  EXPECT_EQ(vault_.seen().at(2).ns, "auth");
}

TEST_F(LoginSessionTest, LoginThatRefusesCountsMoreThanOneThatIsNotThere) {
  vault_.AddNamespace("there");
  vault_.AddNamespace("not-there");
  vault_.AddRole("there", "kubernetes", "csi", {.jwts = {"jwt of another"}});
  for (const auto& namespaces : {std::vector<std::string>{"there", "not-there"},
                                 std::vector<std::string>{"not-there", "there"}}) {
    const auto session =
        Session({.mount = "kubernetes", .role = "csi", .namespaces = namespaces, .account = "sa"});
    EXPECT_THAT(session->Get(context()),
                StatusIs(Code::kPermissionDenied,
                         AllOf(HasSubstr("namespace there"), HasSubstr("namespace not-there"))));
  }
}

TEST_F(LoginSessionTest, ActiveNodeIsAskedWhereThereAreSeveral) {
  auto server = vault::Server::New({"https://a:8200", "https://b:8200"}, {}, vault_.Factory(), {});
  client_ = std::make_shared<vault::Client>(*server, vault::RetryLimits{});
  vault_.SetNode("https://a:8200", FakeVault::NodeMode::kStale);
  vault_.SetNode("https://b:8200", FakeVault::NodeMode::kActive);
  ASSERT_THAT(Session()->Get(context()), IsOk());
  EXPECT_EQ(vault_.seen().back().node, "https://b:8200");
}

TEST_F(LoginSessionTest, RevokeGivesTheTokenBackOnce) {
  const auto session = Session();
  ASSERT_THAT(session->Get(context()), IsOk());
  session->Revoke(context());
  session->Revoke(context());
  EXPECT_EQ(vault_.Count("revoke-self"), 1);
  ASSERT_THAT(session->Get(context()), IsOk());
  EXPECT_EQ(vault_.Count(kLogin), 2);
}

TEST_F(LoginSessionTest, AnswerWithoutATokenIsNoLogin) {
  vault_.Inject("auth/kubernetes/login", {.status = 200, .body = R"({"auth":{}})"});
  EXPECT_THAT(Session()->Get(context()), StatusIs(Code::kUnavailable, HasSubstr("no token")));
}

}  // namespace
}  // namespace rbdcrypt::testing
