// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::vault {

// Shared by the calls that use it; wiped when the last of them lets go.
using Token = std::shared_ptr<const Secret>;

// The token with which one identity speaks to one Vault. Thread safe.
class TokenHolder {
 public:
  virtual ~TokenHolder() = default;

  // A token that looks valid now. Errors are those of getting one: kPermissionDenied, also where
  // the tenant's identity is gone; kInvalidArgument: the login's configuration is wrong;
  // kUnavailable; kCancelled, kDeadlineExceeded.
  virtual Result<Token> Get(const Context& context) = 0;

  // Vault refused `used`. If it is the current one the next Get() obtains another, else that was
  // done already: ten refused threads lead to one login.
  virtual void Reject(const Token& used) = 0;

  // Vault refused `fresh`, too, which Get() gave after a Reject(): so it is good and lacks a right.
  // For a while a Reject() of it leads to nothing, that calls which lack a right do not log in
  // each.
  virtual void Keep(const Context& context, const Token& fresh) = 0;

  // Who asks, for texts: "role csi-kubernetes of auth/kubernetes".
  virtual const std::string& identity() const = 0;

  // Whether Get() after Reject() logs in: then a token that is refused again is good but lacks a
  // policy. Otherwise it may just as well have expired.
  virtual bool logs_in() const = 0;
};

// A token that is only checked for what could break a header: control characters, white space,
// nothing at all. kInvalidArgument: `what` holds no token.
Status CheckToken(const Secret& token, std::string_view what);

}  // namespace rbdcrypt::vault
