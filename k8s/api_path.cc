// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/api_path.h"

#include "base/strings.h"
#include "net/url.h"

namespace rbdcrypt::k8s {
namespace {

std::string GroupPath(const Resource& resource) {
  if (resource.group.empty()) {
    return Cat("api/", net::EscapeSegment(resource.version));
  }
  return Cat("apis/", net::EscapeSegment(resource.group), '/',
             net::EscapeSegment(resource.version));
}

}  // namespace

bool IsSecrets(const Resource& resource) {
  return resource.group == kSecrets.group && resource.plural == kSecrets.plural;
}

std::string Describe(const Resource& resource, const ObjectName& name) {
  std::string text(resource.plural);
  if (!name.name.empty()) {
    text += Cat(" \"", name.name, '"');
  }
  if (!name.ns.empty()) {
    text += Cat(" in namespace \"", name.ns, '"');
  }
  return text;
}

Result<std::string> CollectionPath(const Resource& resource, std::string_view ns) {
  if (!ns.empty() && !resource.namespaced) {
    return InvalidArgument(
        Cat(resource.plural, " live in no namespace, but \"", ns, "\" was given"));
  }
  std::string path = GroupPath(resource);
  if (!ns.empty()) {
    path += Cat("/namespaces/", net::EscapeSegment(ns));
  }
  return Cat(path, '/', net::EscapeSegment(resource.plural));
}

Result<std::string> ObjectPath(const Resource& resource,
                               const ObjectName& name,
                               std::string_view part) {
  if (name.name.empty()) {
    return InvalidArgument(Cat("no name of ", Describe(resource, name), " was given"));
  }
  if (resource.namespaced && name.ns.empty()) {
    return InvalidArgument(Cat("no namespace of ", Describe(resource, name), " was given"));
  }
  ASSIGN_OR_RETURN(const std::string collection, CollectionPath(resource, name.ns));
  const std::string path = Cat(collection, '/', net::EscapeSegment(name.name));
  return part.empty() ? path : Cat(path, '/', net::EscapeSegment(part));
}

std::string Query(const std::vector<std::pair<std::string_view, std::string>>& pairs) {
  std::string query;
  for (const auto& [key, value] : pairs) {
    if (!value.empty()) {
      query += Cat(query.empty() ? '?' : '&', key, '=', net::EscapeSegment(value));
    }
  }
  return query;
}

}  // namespace rbdcrypt::k8s
