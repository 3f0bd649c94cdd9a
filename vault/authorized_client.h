// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "vault/client.h"
#include "vault/token_holder.h"

namespace rbdcrypt::vault {

// Vault's API as one identity on behalf of one KMS entry. A refused token is replaced once and the
// call repeated once; errors name the entry, the identity, the path and what to do. Thread safe.
class AuthorizedClient {
 public:
  struct Options {
    std::string kms_id;
    // Namespace of the login, for questions about the token itself.
    std::string auth_namespace;
    // VaultFamily::ClientFor's name of the server and of how it is reached: what was learnt there
    // holds there alone.
    std::string server_key = {};
    kms::Urgency urgency = kms::Urgency::kMount;
  };

  AuthorizedClient(std::shared_ptr<Client> client,
                   std::shared_ptr<TokenHolder> tokens,
                   Options options);

  // Has a token at hand, logging in where need be; asks no path. Errors as TokenHolder::Get.
  Status EnsureToken(const Context& context);

  // Sends `call` with this identity's token and urgency. Answers and errors as Client::Send and
  // TokenHolder::Get; their texts begin with KMS entry, path and identity.
  Result<Answer> Send(const Context& context, Call call);

  // The error of an answer that says no to `call` for a reason that is the same whatever was
  // wanted. kPermissionDenied: the token ended, or lacks a policy (which of them is asked of
  // Vault). kInvalidArgument: no such mount, or refused. kFailedPrecondition: the mount has another
  // KV version. `right` is what the policy must grant: "read".
  Status Explain(const Context& context,
                 const Answer& answer,
                 std::string_view path,
                 std::string_view right);

  // "KMS "vault", secret/data/x, as role …".
  std::string Subject(std::string_view path) const;

  const Options& options() const { return options_; }

 private:
  Result<Answer> SendAgain(const Context& context,
                           const Call& call,
                           const Token& refused,
                           Answer denied);

  // Whether Vault still knows the token that the holder gives.
  bool IsTokenKnown(const Context& context);

  const std::shared_ptr<Client> client_;
  const std::shared_ptr<TokenHolder> tokens_;
  const Options options_;
};

}  // namespace rbdcrypt::vault
