// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "vault/client.h"
#include "vault/jwt.h"
#include "vault/token_holder.h"

namespace rbdcrypt::vault {

// Where and as what to log in.
struct LoginPlace {
  // "kubernetes".
  std::string mount;
  std::string role;
  // Tried in order until one lets us in (ADR 17); at least one, "" is the root.
  std::vector<std::string> namespaces;
  // Whose service account it is, for texts: "this driver", "ServiceAccount a/ceph-csi-vault-sa".
  std::string account;
};

// A token and how long it is good.
struct LoginAnswer {
  Secret token;
  // Zero: it does not end.
  std::chrono::seconds lease = std::chrono::seconds::zero();
  // Where it was made; it is good there and below.
  std::string ns = {};
};

// Reads the answer to a login. kUnavailable: it holds no token; the text has nothing of the body.
Result<LoginAnswer> ParseLogin(const Answer& answer);

// A Kubernetes login shared by everybody with the same identity at the same Vault.
//
// One login per token lifetime: who comes while one is under way waits for it and shares its
// outcome. From about two thirds of the lease on a new login is made while the old token still
// serves; if that fails because Vault is down, the old one goes on to its end. Every login reads
// its JWT anew. Tokens are wiped with their last user.
class LoginSession final : public TokenHolder {
 public:
  LoginSession(std::shared_ptr<Client> client, LoginPlace place, JwtSource jwt);

  // kPermissionDenied: the role is not for this account, or the account is gone. kInvalidArgument:
  // no such role or auth mount; names the option.
  Result<Token> Get(const Context& context) override;

  void Reject(const Token& used) override;

  // For half a minute.
  void Keep(const Context& context, const Token& fresh) override;

  const std::string& identity() const override { return identity_; }

  bool logs_in() const override { return true; }

  // Gives the token back to Vault, best effort; the next Get() logs in again.
  void Revoke(const Context& context);

 private:
  // What a thread that came is to do.
  enum class Turn { kUse, kLogIn, kWait };

  Turn TurnNow(Clock::TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Status WaitForRound(const Context& context, std::uint64_t round)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<Token> LogInAndShare(const Context& context) ABSL_LOCKS_EXCLUDED(mutex_);
  void Store(const Clock& clock, LoginAnswer answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Result<LoginAnswer> LogIn(const Context& context);
  Status Explain(const Answer& answer, const std::string& ns) const;

  const std::shared_ptr<Client> client_;
  const LoginPlace place_;
  const JwtSource jwt_;
  const std::string identity_;
  absl::Mutex mutex_;
  absl::CondVar round_ended_;
  bool is_logging_in_ ABSL_GUARDED_BY(mutex_) = false;
  std::uint64_t round_ ABSL_GUARDED_BY(mutex_) = 0;
  Status last_outcome_ ABSL_GUARDED_BY(mutex_);
  Token token_ ABSL_GUARDED_BY(mutex_);
  std::string token_namespace_ ABSL_GUARDED_BY(mutex_);
  // Vault refused token_; until kept_until_ that says nothing of it.
  bool is_refused_ ABSL_GUARDED_BY(mutex_) = false;
  Clock::TimePoint kept_until_ ABSL_GUARDED_BY(mutex_) = Clock::TimePoint::min();
  Clock::TimePoint refresh_at_ ABSL_GUARDED_BY(mutex_);
  Clock::TimePoint ends_at_ ABSL_GUARDED_BY(mutex_);
  // Index of the namespace that let us in last; used by the thread that logs in alone.
  std::size_t good_namespace_ = 0;
};

}  // namespace rbdcrypt::vault
