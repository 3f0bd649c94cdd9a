// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/object_cache.h"

#include <utility>

#include "k8s/fields.h"

namespace rbdcrypt::k8s {
namespace {

// The little of the metadata that is looked at of every event.
struct Identity {
  ObjectName name;
  std::string uid;
  std::string resource_version;
};

Result<Identity> IdentityIn(const Json& object) {
  Fields meta = Fields(object, "object").Part("metadata");
  Identity identity = {.name = {.ns = meta.Text("namespace"), .name = meta.Text("name")},
                       .uid = meta.Text("uid"),
                       .resource_version = meta.Text("resourceVersion")};
  if (!meta.status().ok()) {
    return Internal(Message(meta.status()));
  }
  return identity;
}

Result<Identity> NamedIdentityIn(const Json& object) {
  ASSIGN_OR_RETURN(Identity identity, IdentityIn(object));
  if (identity.name.name.empty()) {
    return Internal("the API server gave an object without metadata.name");
  }
  return identity;
}

// Of two objects of one name; the first was looked at when it was taken in.
struct Comparison {
  bool is_another = false;
  bool is_same_version = false;
};

Comparison Compare(const Json& known, const Json& object) {
  const Result<Identity> left = IdentityIn(known);
  const Result<Identity> right = IdentityIn(object);
  if (!left.ok() || !right.ok()) {
    return {};
  }
  return {.is_another = !left->uid.empty() && !right->uid.empty() && left->uid != right->uid,
          .is_same_version =
              !left->resource_version.empty() && left->resource_version == right->resource_version};
}

void Put(ObjectSet& objects,
         const ObjectName& name,
         Json object,
         std::vector<ObjectChange>& changes) {
  const auto [known, is_new] = objects.try_emplace(name, object);
  if (is_new) {
    changes.push_back({ObjectChange::Kind::kAdded, name, std::move(object)});
    return;
  }
  const Comparison comparison = Compare(known->second, object);
  if (comparison.is_another) {
    changes.push_back({ObjectChange::Kind::kDeleted, name, std::move(known->second)});
  } else if (comparison.is_same_version) {
    return;
  }
  known->second = object;
  changes.push_back(
      {comparison.is_another ? ObjectChange::Kind::kAdded : ObjectChange::Kind::kModified, name,
       std::move(object)});
}

}  // namespace

Result<std::vector<ObjectChange>> ObjectCache::Replace(ObjectList list) {
  ObjectSet present;
  for (Json& item : list.items) {
    ASSIGN_OR_RETURN(const Identity identity, NamedIdentityIn(item));
    present.insert_or_assign(identity.name, std::move(item));
  }
  std::vector<ObjectChange> changes;
  for (auto known = objects_.begin(); known != objects_.end();) {
    if (present.contains(known->first)) {
      ++known;
      continue;
    }
    changes.push_back({ObjectChange::Kind::kDeleted, known->first, std::move(known->second)});
    known = objects_.erase(known);
  }
  for (auto& [name, object] : present) {
    Put(objects_, name, std::move(object), changes);
  }
  resource_version_ = std::move(list.resource_version);
  return changes;
}

Result<std::vector<ObjectChange>> ObjectCache::Apply(WatchEvent event) {
  const bool is_bookmark = event.type == WatchEvent::Type::kBookmark;
  ASSIGN_OR_RETURN(const Identity identity,
                   is_bookmark ? IdentityIn(event.object) : NamedIdentityIn(event.object));
  if (!identity.resource_version.empty()) {
    resource_version_ = identity.resource_version;
  }
  std::vector<ObjectChange> changes;
  if (event.type == WatchEvent::Type::kDeleted) {
    if (objects_.erase(identity.name) > 0) {
      changes.push_back({ObjectChange::Kind::kDeleted, identity.name, std::move(event.object)});
    }
  } else if (!is_bookmark) {
    Put(objects_, identity.name, std::move(event.object), changes);
  }
  return changes;
}

}  // namespace rbdcrypt::k8s
