// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kube_store.h"

#include <array>
#include <utility>

#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::string_view kCreated = "2026-01-01T00:00:00Z";

// Types whose status is a part of its own.
constexpr std::array<std::string_view, 6> kWithStatus = {
    "persistentvolumeclaims", "persistentvolumes",         "namespaces",
    "volumeattachments",      "encryptionkeyrotationjobs", "encryptionkeyrotationcronjobs"};

bool HasStatus(const std::string& type) {
  for (const std::string_view plural : kWithStatus) {
    if (type.ends_with(Cat('/', plural))) {
      return true;
    }
  }
  return false;
}

std::string Meta(const Json& object, const std::string& field) {
  const Json& meta = object.contains("metadata") ? object["metadata"] : object;
  return meta.contains(field) && meta[field].is_string() ? meta[field].get<std::string>() : "";
}

std::string Describe(const FakeKubeStore::Key& key) {
  return Cat(Split(key.type, '/').back(), " \"", key.name, '"');
}

FakeKubeStore::Reply NotThere(const FakeKubeStore::Key& key) {
  return FakeKubeStore::Error(404, "NotFound", Cat(Describe(key), " not found"));
}

FakeKubeStore::Reply Conflict(const FakeKubeStore::Key& key, std::string_view why) {
  return FakeKubeStore::Error(409, "Conflict",
                              Cat("Operation cannot be fulfilled on ", Describe(key), ": ", why));
}

// "a=b,c=d" against the values that `look_up` finds.
template <typename LookUp>
bool Matches(const std::string& selector, const LookUp& look_up) {
  if (selector.empty()) {
    return true;
  }
  for (const std::string& term : Split(selector, ',')) {
    const std::size_t equals = term.find('=');
    if (look_up(term.substr(0, equals)) != term.substr(equals + 1)) {
      return false;
    }
  }
  return true;
}

bool IsSelected(const FakeKubeStore::Key& key,
                const Json& object,
                const FakeKubeStore::ListQuery& query) {
  const auto label = [&](const std::string& name) {
    const Json labels = object["metadata"].value("labels", Json::object());
    return labels.value(name, std::string());
  };
  const auto field = [&](const std::string& name) {
    return name == "metadata.name" ? key.name : name == "metadata.namespace" ? key.ns : "";
  };
  return Matches(query.labels, label) && Matches(query.fields, field);
}

// A patch's own fields, without those that every patch must repeat.
Json OwnedFields(const Json& patch) {
  Json owned = patch;
  owned.erase("apiVersion");
  owned.erase("kind");
  owned["metadata"].erase("name");
  owned["metadata"].erase("namespace");
  if (owned["metadata"].empty()) {
    owned.erase("metadata");
  }
  return owned.empty() ? Json::object() : owned.flatten();
}

}  // namespace

FakeKubeStore::Reply FakeKubeStore::Error(int status,
                                          std::string_view reason,
                                          std::string_view message) {
  return {.status = status,
          .body = {{"kind", "Status"},
                   {"apiVersion", "v1"},
                   {"metadata", Json::object()},
                   {"status", "Failure"},
                   {"message", message},
                   {"reason", reason},
                   {"code", status}}};
}

FakeKubeStore::Reply FakeKubeStore::Get(const Key& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? NotThere(key) : Reply{.status = 200, .body = found->second};
}

FakeKubeStore::Reply FakeKubeStore::List(const std::string& type,
                                         const std::string& ns,
                                         const ListQuery& query) const {
  std::uint64_t version = version_;
  std::size_t offset = 0;
  if (!query.continue_token.empty()) {
    const std::vector<std::string> parts = Split(query.continue_token, ':');
    version = ParseUint64(parts.front()).value_or(0);
    offset = ParseUint64(parts.back()).value_or(0);
    if (!Remembers(version)) {
      return Error(410, "Expired", "The provided continue parameter is too old");
    }
  }
  Json items = Json::array();
  std::size_t position = 0;
  Json meta = {{"resourceVersion", std::to_string(version)}};
  for (const auto& [key, object] : objects_) {
    if (key.type != type || (!ns.empty() && key.ns != ns) || !IsSelected(key, object, query) ||
        position++ < offset) {
      continue;
    }
    if (query.limit > 0 && items.size() == query.limit) {
      meta["continue"] = Cat(version, ':', offset + items.size());
      break;
    }
    items.push_back(object);
    items.back().erase("kind");
    items.back().erase("apiVersion");
  }
  return {.status = 200,
          .body = {{"kind", "List"}, {"apiVersion", "v1"}, {"metadata", meta}, {"items", items}}};
}

FakeKubeStore::Reply FakeKubeStore::Store(const Key& key, Json object) {
  const auto found = objects_.find(key);
  if (found != objects_.end()) {
    object["metadata"]["resourceVersion"] = found->second["metadata"]["resourceVersion"];
    if (object == found->second) {
      return {.status = 200, .body = std::move(object)};
    }
  }
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  history_.push_back({version_, found == objects_.end() ? "ADDED" : "MODIFIED", key, object});
  const int status = found == objects_.end() ? 201 : 200;
  objects_[key] = object;
  return {.status = status, .body = std::move(object)};
}

Json FakeKubeStore::Put(const Key& key, Json object) {
  const auto found = objects_.find(key);
  Json& meta = object["metadata"];
  meta["name"] = key.name;
  if (!key.ns.empty()) {
    meta["namespace"] = key.ns;
  }
  meta["uid"] = found == objects_.end() ? NewUuid() : Meta(found->second, "uid");
  meta["creationTimestamp"] = kCreated;
  return Store(key, std::move(object)).body;
}

FakeKubeStore::Reply FakeKubeStore::Create(Key key, Json object) {
  key.name = Meta(object, "name");
  if (key.name.empty() && !Meta(object, "generateName").empty()) {
    key.name = Cat(Meta(object, "generateName"), NewUuid().substr(0, 5));
  }
  if (key.name.empty()) {
    return Error(422, "Invalid", "metadata.name: Required value: name or generateName is required");
  }
  if (objects_.contains(key)) {
    return Error(409, "AlreadyExists", Cat(Describe(key), " already exists"));
  }
  if (HasStatus(key.type)) {
    object.erase("status");
  }
  Json stored = Put(key, std::move(object));
  return {.status = 201, .body = std::move(stored)};
}

FakeKubeStore::Reply FakeKubeStore::WriteBack(const Key& key, Json changed, Part part) {
  const Json& stored = objects_.at(key);
  const std::string wanted = Meta(changed, "resourceVersion");
  if (!wanted.empty() && wanted != Meta(stored, "resourceVersion")) {
    return Conflict(key, "the object has been modified; please apply your changes to the latest");
  }
  const std::string uid = Meta(changed, "uid");
  if (!uid.empty() && uid != Meta(stored, "uid")) {
    return Conflict(key, "Precondition failed: UID in precondition");
  }
  if (part == Part::kStatus) {
    Json status = changed.contains("status") ? changed["status"] : Json();
    changed = stored;
    changed["status"] = std::move(status);
  } else if (HasStatus(key.type)) {
    changed.erase("status");
    if (stored.contains("status")) {
      changed["status"] = stored["status"];
    }
  }
  for (const char* field : {"uid", "creationTimestamp", "name", "namespace"}) {
    if (stored["metadata"].contains(field)) {
      changed["metadata"][field] = stored["metadata"][field];
    }
  }
  return Store(key, std::move(changed));
}

FakeKubeStore::Reply FakeKubeStore::Update(const Key& key, const Json& object, Part part) {
  return objects_.contains(key) ? WriteBack(key, object, part) : NotThere(key);
}

FakeKubeStore::Reply FakeKubeStore::Merge(const Key& key, const Json& patch, Part part) {
  if (!objects_.contains(key)) {
    return NotThere(key);
  }
  Json changed = objects_.at(key);
  changed.merge_patch(patch);
  if (!patch.contains("metadata") || !patch["metadata"].contains("resourceVersion")) {
    changed["metadata"].erase("resourceVersion");
  }
  return WriteBack(key, std::move(changed), part);
}

bool FakeKubeStore::Conflicts(const Key& key, const Json& patch, const std::string& manager) const {
  const auto owners = owners_.find(key);
  if (owners == owners_.end()) {
    return false;
  }
  const Json stored = objects_.at(key).flatten();
  const Json fields = OwnedFields(patch);
  for (const auto& field : fields.items()) {
    const auto owner = owners->second.find(field.key());
    if (owner != owners->second.end() && owner->second != manager &&
        (!stored.contains(field.key()) || stored[field.key()] != field.value())) {
      return true;
    }
  }
  return false;
}

FakeKubeStore::Reply FakeKubeStore::Apply(const Key& key,
                                          const Json& patch,
                                          const std::string& manager,
                                          bool force) {
  if (manager.empty()) {
    return Error(422, "Invalid", "fieldManager: Required value: is required for apply patch");
  }
  if (objects_.contains(key) && !force && Conflicts(key, patch, manager)) {
    return Conflict(key, "Apply failed with 1 conflict");
  }
  return ApplyOwned(key, patch, manager);
}

FakeKubeStore::Reply FakeKubeStore::ApplyOwned(const Key& key,
                                               const Json& patch,
                                               const std::string& manager) {
  const Json fields = OwnedFields(patch);
  // What this manager set before and says no more is taken away.
  Json merge = Json::object();
  std::erase_if(owners_[key], [&](const auto& owned) {
    const bool dropped = owned.second == manager && !fields.contains(owned.first);
    if (dropped) {
      merge[Json::json_pointer(owned.first)] = nullptr;
    }
    return dropped;
  });
  for (const auto& field : fields.items()) {
    owners_[key][field.key()] = manager;
  }
  if (!objects_.contains(key)) {
    return Create(key, patch);
  }
  // Member by member, since a merge of the whole would carry out the nulls instead of keeping them.
  const Json leaves = patch.flatten();
  for (const auto& field : leaves.items()) {
    merge[Json::json_pointer(field.key())] = field.value();
  }
  return Merge(key, merge, Part::kMain);
}

FakeKubeStore::Reply FakeKubeStore::Delete(const Key& key, const Json& options) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) {
    return NotThere(key);
  }
  const Json conditions = options.value("preconditions", Json::object());
  for (const char* field : {"uid", "resourceVersion"}) {
    if (conditions.contains(field) && conditions[field] != Meta(found->second, field)) {
      return Conflict(key, Cat("Precondition failed: ", field));
    }
  }
  Json object = found->second;
  if (!object["metadata"].value("finalizers", Json::array()).empty()) {
    object["metadata"]["deletionTimestamp"] = kCreated;
    return {.status = 200, .body = Store(key, std::move(object)).body};
  }
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  history_.push_back({version_, "DELETED", key, object});
  objects_.erase(found);
  owners_.erase(key);
  return {.status = 200, .body = {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Success"}}};
}

void FakeKubeStore::ForgetHistory() {
  oldest_ = ++version_;
  history_.clear();
}

std::vector<FakeKubeStore::Change> FakeKubeStore::ChangesAfter(std::uint64_t version,
                                                               const std::string& type,
                                                               const std::string& ns,
                                                               const ListQuery& query) const {
  std::vector<Change> changes;
  for (const Change& change : history_) {
    if (change.version > version && change.key.type == type &&
        (ns.empty() || change.key.ns == ns) && IsSelected(change.key, change.object, query)) {
      changes.push_back(change);
    }
  }
  return changes;
}

}  // namespace rbdcrypt::testing
