// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Answers of key managers and of the Kubernetes API. Whatever is taken, every call on every value
// of it keeps within the text, and nlohmann's parser takes it, too.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "base/secret_json.h"
#include "base/status.h"

namespace rbdcrypt {
namespace {

void Visit(std::string_view name, const SecretJson& value) {
  static_cast<void>(value.AsInt());
  static_cast<void>(value.AsBool());
  const auto text = value.AsText();
  const auto secret = value.AsSecret();
  RBDCRYPT_CHECK(text.has_value() == (value.type() == SecretJson::Type::kString));
  RBDCRYPT_CHECK(text.has_value() == secret.has_value());
  RBDCRYPT_CHECK(!text || *text == secret->RevealText());
  RBDCRYPT_CHECK(!value.Find({name, "absent"}) || value.type() == SecretJson::Type::kObject);
  const Status status = value.ForEach([](std::string_view inner, const SecretJson& item) {
    Visit(inner, item);
    return OkStatus();
  });
  RBDCRYPT_CHECK(status.ok());
}

// What is written of a string reads as the string.
void WriteBack(const SecretJson& json) {
  const auto secret = json.AsSecret();
  if (!secret) {
    return;
  }
  SecretJsonWriter writer;
  writer.Value(*secret);
  const Secret written = std::move(writer).Take();
  const auto again = SecretJson::Parse(written.RevealText(), "it");
  RBDCRYPT_CHECK(again.ok() && SameSecret(*again->AsSecret(), *secret));
}

}  // namespace
}  // namespace rbdcrypt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto json = rbdcrypt::SecretJson::Parse(text, "it");
  if (!json.ok()) {
    return 0;
  }
  // It refuses numbers beyond a double, and takes a byte order mark, which we do not.
  const auto other = rbdcrypt::ParseJson(text, "it");
  RBDCRYPT_CHECK(other.ok() || text.find_first_of("eE0123456789") != std::string_view::npos);
  rbdcrypt::Visit("", *json);
  rbdcrypt::WriteBack(*json);
  return 0;
}
