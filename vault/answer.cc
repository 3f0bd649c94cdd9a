// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/answer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::size_t kMaxText = 512;

// Retry-After may say days; nobody waits so long.
constexpr std::uint64_t kMaxRetryAfter = 3600;

bool Holds(std::string_view text, std::string_view piece) {
  return text.find(piece) != std::string_view::npos;
}

// Cuts at most a few bytes more than asked: never inside a character.
void Cut(std::string& text, std::size_t size) {
  if (text.size() <= size) {
    return;
  }
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
    --size;
  }
  text.resize(size);
}

void AppendTexts(const SecretJson& body, std::string_view field, std::string& out) {
  const std::optional<SecretJson> texts = body.Find({field});
  if (!texts.has_value() || texts->type() != SecretJson::Type::kArray) {
    return;
  }
  const Status done =
      texts->ForEach([&](std::string_view /*name*/, const SecretJson& item) -> Status {
        const std::optional<std::string> text = item.AsText();
        if (text.has_value() && out.size() < kMaxText) {
          out += out.empty() ? "" : "; ";
          out += *text;
        }
        return OkStatus();
      });
  RBDCRYPT_CHECK(done.ok());
}

std::string TextsOf(const SecretJson& json) {
  std::string out;
  AppendTexts(json, "errors", out);
  if (out.empty()) {
    AppendTexts(json, "warnings", out);
  }
  std::ranges::replace_if(
      out, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  Cut(out, kMaxText);
  return std::string(Trim(out));
}

bool HasFormOfVaults(const SecretJson& json) {
  return json.type() == SecretJson::Type::kObject &&
         (json.Find({"errors"}).has_value() || json.Find({"data"}).has_value() ||
          json.Find({"warnings"}).has_value());
}

bool IsJson(const net::HttpAnswer& http) {
  const std::string type = http.Find("Content-Type").value_or("");
  return type.starts_with("application/json");
}

Verdict OfServerError(int status, std::string_view text) {
  const bool is_long = status == 503 || status == 530 ||
                       (status == 500 && (Holds(text, "active cluster node not found") ||
                                          Holds(text, "local node not active")));
  if (status == 501) {
    return Verdict::kRefused;
  }
  return is_long ? Verdict::kRetryLater : Verdict::kRetrySoon;
}

Verdict OfClientError(int status, std::string_view text, bool is_vaults) {
  switch (status) {
    case 400:
      if (Holds(text, "from non-versioned to versioned")) {
        return Verdict::kRetryLater;
      }
      return Holds(text, "check-and-set") ? Verdict::kConflict : Verdict::kRefused;
    case 403:
      return Verdict::kDenied;
    case 404:
      return is_vaults ? Verdict::kAbsent : Verdict::kRetryLater;
    case 412:
      return Verdict::kRetrySoon;
    case 429:
      return Verdict::kThrottled;
    case 472:
    case 473:
    case 474:
      return Verdict::kRetryLater;
    default:
      return Verdict::kRefused;
  }
}

Verdict JudgeError(int status, std::string_view text, bool is_vaults) {
  if (status / 100 == 4) {
    return OfClientError(status, text, is_vaults);
  }
  // Redirects that could be followed were; 1xx is no final answer.
  return status / 100 == 5 ? OfServerError(status, text) : Verdict::kRetryLater;
}

}  // namespace

Answer Answer::From(net::HttpAnswer http) {
  Answer answer;
  answer.status_ = http.status;
  answer.is_json_ = IsJson(http);
  answer.index_ = http.Find("X-Vault-Index").value_or("");
  if (const auto seconds = ParseUint64(http.Find("Retry-After").value_or(""));
      seconds.has_value()) {
    answer.retry_after_ = std::chrono::seconds(std::min(*seconds, kMaxRetryAfter));
  }
  if (http.status / 100 == 3) {
    answer.location_ = http.Find("Location").value_or("");
  }
  answer.body_ = std::move(http.body);
  const Result<SecretJson> json = answer.Json();
  if (json.ok()) {
    answer.text_ = TextsOf(*json);
    answer.is_vaults_ = HasFormOfVaults(*json);
  }
  if (answer.status_ / 100 == 2) {
    const bool is_good = json.ok() || answer.body_.empty();
    answer.verdict_ = is_good ? Verdict::kSuccess : Verdict::kRetrySoon;
  } else {
    answer.verdict_ = JudgeError(answer.status_, answer.text_, answer.is_vaults_);
  }
  return answer;
}

Result<SecretJson> Answer::Json() const {
  if (body_.empty()) {
    return Unavailable(Cat("HTTP ", status_, " came without a body; is this address a Vault?"));
  }
  if (!is_json_) {
    return Unavailable(Cat("HTTP ", status_, " came with a body that is not application/json; is ",
                           "this address a Vault, or a proxy before it?"));
  }
  Result<SecretJson> json = SecretJson::Parse(body_.RevealText(), "the answer");
  if (!json.ok()) {
    return Unavailable(Message(json.status()));
  }
  return json;
}

bool Answer::MayHaveActed() const {
  if (verdict_ == Verdict::kRetryLater) {
    // Vault itself says so before it acts, and who redirects passes nothing on.
    return !is_vaults_ && status_ / 100 != 3;
  }
  return verdict_ == Verdict::kRetrySoon && status_ != 412;
}

std::string Answer::Describe() const {
  if (!location_.empty()) {
    return Cat("HTTP ", status_, " to an address that the configuration does not name");
  }
  if (!is_vaults_ && !body_.empty()) {
    return Cat("HTTP ", status_, " that is no answer of a Vault; is this address one, or a proxy ",
               "before it?");
  }
  return text_.empty() ? Cat("HTTP ", status_) : Cat("HTTP ", status_, ": ", text_);
}

}  // namespace rbdcrypt::vault
