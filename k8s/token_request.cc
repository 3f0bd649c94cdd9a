// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/token_request.h"

#include <utility>

#include "base/json.h"
#include "base/secret_json.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {

std::string FormatTokenRequest(const TokenRequest& request) {
  Json spec = Json::object();
  if (!request.audiences.empty()) {
    spec["audiences"] = request.audiences;
  }
  if (request.lifetime.has_value()) {
    spec["expirationSeconds"] = request.lifetime->count();
  }
  return Json{{"apiVersion", "authentication.k8s.io/v1"},
              {"kind", "TokenRequest"},
              {"spec", std::move(spec)}}
      .dump();
}

Result<ServiceAccountToken> ParseTokenAnswer(std::string_view answer) {
  const Result<SecretJson> json = SecretJson::Parse(answer, "the answer to a TokenRequest");
  if (!json.ok()) {
    return Internal(Message(json.status()));
  }
  const std::optional<SecretJson> token = json->Find({"status", "token"});
  std::optional<Secret> text = token.has_value() ? token->AsSecret() : std::nullopt;
  if (!text.has_value() || text->empty()) {
    return Internal("the answer to a TokenRequest has no \"status.token\"");
  }
  const std::optional<SecretJson> expiry = json->Find({"status", "expirationTimestamp"});
  const std::optional<WallTime> expires =
      expiry.has_value() ? ParseTime(expiry->AsText().value_or("")) : std::nullopt;
  if (!expires.has_value()) {
    return Internal("the answer to a TokenRequest has no time in \"status.expirationTimestamp\"");
  }
  return ServiceAccountToken{.token = *std::move(text), .expires = *expires};
}

}  // namespace rbdcrypt::k8s
