// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "k8s/names.h"

namespace rbdcrypt::k8s {

// A type of object as the API server's paths spell it. Views: made of constants.
struct Resource {
  // "" is the core group.
  std::string_view group;
  std::string_view version;
  // "persistentvolumeclaims".
  std::string_view plural;
  bool namespaced = true;

  bool operator==(const Resource&) const = default;
};

inline constexpr Resource kSecrets = {kCoreGroup, kVersion1, "secrets"};
inline constexpr Resource kConfigMaps = {kCoreGroup, kVersion1, "configmaps"};
inline constexpr Resource kServiceAccounts = {kCoreGroup, kVersion1, "serviceaccounts"};
inline constexpr Resource kEvents = {kCoreGroup, kVersion1, "events"};
inline constexpr Resource kPersistentVolumeClaims = {kCoreGroup, kVersion1,
                                                     "persistentvolumeclaims"};
inline constexpr Resource kPersistentVolumes = {kCoreGroup, kVersion1, "persistentvolumes", false};
inline constexpr Resource kNamespaces = {kCoreGroup, kVersion1, "namespaces", false};
inline constexpr Resource kStorageClasses = {kStorageGroup, kVersion1, "storageclasses", false};
inline constexpr Resource kVolumeAttachments = {kStorageGroup, kVersion1, "volumeattachments",
                                                false};
inline constexpr Resource kLeases = {kCoordinationGroup, kVersion1, "leases"};

// Whether it is the one type whose objects hold secrets.
bool IsSecrets(const Resource& resource);

// Which object of a type; `ns`, its namespace, is "" for types that live in none.
struct ObjectName {
  std::string ns = {};
  std::string name = {};

  auto operator<=>(const ObjectName&) const = default;
};

// "persistentvolumeclaims \"data\" in namespace \"shop\"", "persistentvolumes", for texts.
std::string Describe(const Resource& resource, const ObjectName& name);

// The path of a type's objects, escaped, without a leading slash: "api/v1/namespaces/shop/secrets",
// "apis/coordination.k8s.io/v1/leases". An empty namespace stands for all of them.
// kInvalidArgument: a namespace for a type that lives in none.
Result<std::string> CollectionPath(const Resource& resource, std::string_view ns);

// The path of one object, or of a part of it ("status", "token"; "" for the whole).
// kInvalidArgument: no name (that path is the collection's: a DELETE of it would take all), or a
// namespace missing or too many.
Result<std::string> ObjectPath(const Resource& resource,
                               const ObjectName& name,
                               std::string_view part = "");

// "?limit=500&continue=abc", escaped; pairs with an empty value are left out, and "" of none.
std::string Query(const std::vector<std::pair<std::string_view, std::string>>& pairs);

}  // namespace rbdcrypt::k8s
