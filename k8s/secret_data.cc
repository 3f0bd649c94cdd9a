// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/secret_data.h"

#include <optional>
#include <utility>

#include "base/secret_base64.h"
#include "base/secret_json.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

Status NoSecret(std::string_view why) {
  return Internal(Cat("the API server's answer is no Secret: ", why));
}

std::string TextAt(const SecretJson& object, std::initializer_list<std::string_view> path) {
  const std::optional<SecretJson> value = object.Find(path);
  return value.has_value() ? value->AsText().value_or("") : "";
}

// Those of the metadata that a Secret's readers use; a Secret's annotations may repeat its content
// (kubectl's last-applied-configuration), so they are left where they are.
ObjectMeta MetaOf(const SecretJson& object) {
  ObjectMeta meta;
  meta.name = TextAt(object, {"metadata", "name"});
  meta.ns = TextAt(object, {"metadata", "namespace"});
  meta.uid = TextAt(object, {"metadata", "uid"});
  meta.resource_version = TextAt(object, {"metadata", "resourceVersion"});
  return meta;
}

}  // namespace

Result<SecretObject> ParseSecretObject(std::string_view answer) {
  const Result<SecretJson> json = SecretJson::Parse(answer, "the Secret");
  if (!json.ok()) {
    return NoSecret(Message(json.status()));
  }
  if (TextAt(*json, {"kind"}) != "Secret") {
    return NoSecret("its kind is another");
  }
  SecretObject secret = {.meta = MetaOf(*json), .type = TextAt(*json, {"type"}), .data = {}};
  const std::optional<SecretJson> data = json->Find({"data"});
  if (!data.has_value()) {
    return secret;
  }
  if (data->type() != SecretJson::Type::kObject) {
    return NoSecret("\"data\" is no object");
  }
  RETURN_IF_ERROR(data->ForEach([&](std::string_view key, const SecretJson& value) -> Status {
    const std::optional<Secret> text = value.AsSecret();
    if (!text.has_value()) {
      return NoSecret(Cat("the value of data key \"", key, "\" is no string"));
    }
    Result<Secret> bytes = SecretFromBase64(text->RevealText());
    if (!bytes.ok()) {
      return NoSecret(Cat("the value of data key \"", key, "\": ", Message(bytes.status())));
    }
    secret.data.insert_or_assign(std::string(key), *std::move(bytes));
    return OkStatus();
  }));
  return secret;
}

}  // namespace rbdcrypt::k8s
