// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/secret_token.h"

#include <map>
#include <utility>

#include "base/strings.h"
#include "vault/jwt.h"
#include "vault/names.h"

namespace rbdcrypt::vault {

SecretToken::SecretToken(Kube& kube, std::string tenant, std::string secret_name)
    : kube_(kube),
      tenant_(std::move(tenant)),
      secret_name_(std::move(secret_name)),
      identity_(Cat("the token of Secret ", tenant_, "/", secret_name_)) {}

Result<Token> SecretToken::Get(const Context& context) {
  {
    absl::MutexLock lock(&mutex_);
    if (token_ != nullptr) {
      return token_;
    }
  }
  Result<std::map<std::string, Secret>> secret = kube_.GetSecret(context, tenant_, secret_name_);
  const std::string what = Cat("Secret ", tenant_, "/", secret_name_);
  if (secret.status().code() == Code::kNotFound) {
    return TenantIdentityGone(tenant_, what, secret.status());
  }
  RETURN_IF_ERROR(secret.status());
  const auto found = secret->find(std::string(kTokenKey));
  if (found == secret->end()) {
    return InvalidArgument(
        Cat(what, " has no key \"", kTokenKey, "\": put the tenant's Vault ", "token there"));
  }
  auto token = std::make_shared<const Secret>(Trim(found->second.RevealText()));
  RETURN_IF_ERROR(CheckToken(*token, what));
  absl::MutexLock lock(&mutex_);
  token_ = token;
  return token;
}

void SecretToken::Reject(const Token& used) {
  absl::MutexLock lock(&mutex_);
  if (token_ == used) {
    token_.reset();
  }
}

}  // namespace rbdcrypt::vault
