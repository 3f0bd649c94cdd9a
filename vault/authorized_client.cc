// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/authorized_client.h"

#include <utility>

#include "base/strings.h"
#include "net/http_client.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::string_view kLookupSelf = "auth/token/lookup-self";

// The error of a last step, as that of the whole call: a mark it has is its own, not the call's.
Status Mark(const Status& status, bool may_have_arrived) {
  return may_have_arrived ? MakeStatus(status.code(), Message(status)) : net::NeverArrived(status);
}

}  // namespace

AuthorizedClient::AuthorizedClient(std::shared_ptr<Client> client,
                                   std::shared_ptr<TokenHolder> tokens,
                                   Options options)
    : client_(std::move(client)), tokens_(std::move(tokens)), options_(std::move(options)) {}

Status AuthorizedClient::EnsureToken(const Context& context) {
  return Annotate(tokens_->Get(context).status(), Cat("KMS \"", options_.kms_id, "\""));
}

Result<Answer> AuthorizedClient::Send(const Context& context, Call call) {
  call.urgency = options_.urgency;
  Result<Token> token = tokens_->Get(context);
  if (!token.ok()) {
    return net::NeverArrived(Annotate(token.status(), Cat("KMS \"", options_.kms_id, "\"")));
  }
  Result<Answer> answer = client_->Send(context, call, token->get());
  if (!answer.ok()) {
    return Annotate(answer.status(), Subject(call.path));
  }
  return answer->verdict() == Verdict::kDenied
             ? SendAgain(context, call, *token, *std::move(answer))
             : std::move(answer);
}

// With another token, if there is one. What the tries before may have done is not forgotten.
Result<Answer> AuthorizedClient::SendAgain(const Context& context,
                                           const Call& call,
                                           const Token& refused,
                                           Answer denied) {
  const bool may_have_acted = denied.was_repeated();
  tokens_->Reject(refused);
  const Result<Token> other = tokens_->Get(context);
  if (!other.ok()) {
    return Mark(Annotate(other.status(), Subject(call.path)), may_have_acted);
  }
  if (SameSecret(**other, *refused)) {
    return denied;
  }
  Result<Answer> answer = client_->Send(context, call, other->get());
  if (answer.ok()) {
    if (answer->verdict() == Verdict::kDenied) {
      tokens_->Keep(context, *other);
    }
    answer->set_was_repeated(answer->was_repeated() || may_have_acted);
    return answer;
  }
  return Mark(Annotate(answer.status(), Subject(call.path)),
              may_have_acted || net::MayHaveArrived(answer.status()));
}

Status AuthorizedClient::Explain(const Context& context,
                                 const Answer& answer,
                                 std::string_view path,
                                 std::string_view right) {
  const std::string what = Cat(Subject(path), ": ", answer.Describe());
  if (answer.verdict() == Verdict::kDenied) {
    if (!tokens_->logs_in() && !IsTokenKnown(context)) {
      return PermissionDenied(Cat(what, ": the token has ended or was revoked (put a new one into ",
                                  "the tenant's Secret), or its policy grants neither \"", right,
                                  "\" on that path nor \"read\" on ", kLookupSelf));
    }
    return PermissionDenied(Cat(what, ": no policy of this identity grants \"", right,
                                "\" on that path: add it to its policy in Vault"));
  }
  if (answer.verdict() == Verdict::kAbsent && answer.Says("no handler for route")) {
    return InvalidArgument(Cat(what, ": no KV engine is mounted there: enable one, or correct the ",
                               "options ", kBackendPath, " and ", kNamespace));
  }
  if (answer.Says("Invalid path for a versioned")) {
    return FailedPrecondition(Cat(what, ": the mount there is a KV version 2, but was taken for a ",
                                  "version 1: correct the option ", kBackend));
  }
  if (answer.Says("no data provided")) {
    return FailedPrecondition(Cat(what, ": the mount there is no KV of the version it was taken ",
                                  "for: correct the option ", kBackend));
  }
  return InvalidArgument(Cat(what, ": Vault refuses the request as it is: look at the options of ",
                             "the KMS entry, ", kBackend, " and ", kBackendPath, " first"));
}

std::string AuthorizedClient::Subject(std::string_view path) const {
  return Cat("KMS \"", options_.kms_id, "\", ", path, ", ", tokens_->identity());
}

bool AuthorizedClient::IsTokenKnown(const Context& context) {
  const Result<Token> token = tokens_->Get(context);
  if (!token.ok()) {
    return true;
  }
  Call call{.path = std::string(kLookupSelf),
            .namespace_header = options_.auth_namespace,
            .urgency = options_.urgency};
  const Result<Answer> answer = client_->Send(context, call, token->get());
  return !answer.ok() || answer->verdict() != Verdict::kDenied;
}

}  // namespace rbdcrypt::vault
