// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/caller_secrets.h"

#include <string_view>
#include <utility>

#include "base/secret.h"
#include "base/strings.h"
#include "csi/names.h"

namespace rbdcrypt::csi {
namespace {

Status Missing(std::string_view key) {
  return InvalidArgument(Cat("secrets: ", key,
                             " is missing or empty; the StorageClass must name the Ceph user's "
                             "Secret for this call"));
}

const Secret* Find(const kms::RequestSecrets& secrets, std::string_view key) {
  const auto found = secrets.find(key);
  return found == secrets.end() || found->second.empty() ? nullptr : &found->second;
}

}  // namespace

Result<CallerSecrets> CallerSecrets::Read(
    const ::google::protobuf::Map<std::string, std::string>& secrets) {
  CallerSecrets result;
  for (const auto& [key, value] : secrets) {
    result.secrets_.emplace(key, Secret(std::string_view(value)));
  }
  const bool is_migrated = result.secrets_.find(kMigrationKeySecret) != result.secrets_.end();
  const std::string_view user_key = is_migrated ? kMigrationUserSecret : kUserIdSecret;
  const std::string_view key_key = is_migrated ? kMigrationKeySecret : kUserKeySecret;
  const Secret* user = Find(result.secrets_, user_key);
  if (user == nullptr && !is_migrated) {
    return Missing(user_key);
  }
  const Secret* key = Find(result.secrets_, key_key);
  if (key == nullptr) {
    return Missing(key_key);
  }
  // A user's name is no secret.
  result.credentials_.user = user == nullptr ? kMigrationDefaultUser : user->RevealText();
  result.credentials_.key = key->Clone();
  return result;
}

}  // namespace rbdcrypt::csi
