// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "k8s/client.h"

namespace rbdcrypt::k8s {

// One object's way from what was known to what is.
struct ObjectChange {
  enum class Kind { kAdded, kModified, kDeleted };

  Kind kind = Kind::kAdded;
  ObjectName name;
  // Its present state; of a deleted one the last that was seen.
  Json object;
};

using ObjectSet = std::map<ObjectName, Json>;

// What a list and the events after it make of a set of objects. Sans-I/O; one thread.
//
// Each real change is told once: an object whose resourceVersion is known already is none, and a
// new list tells what happened while nobody watched, deletions included. Another uid is another
// object, so its namesake was deleted.
class ObjectCache {
 public:
  // kInternal: an object without a name; nothing has changed then.
  Result<std::vector<ObjectChange>> Replace(ObjectList list);

  // None of a bookmark; two where another object took a deleted one's name, else at most one.
  // kInternal: an object without a name.
  Result<std::vector<ObjectChange>> Apply(WatchEvent event);

  const ObjectSet& objects() const { return objects_; }

  // From where a watch goes on: that of the list, or of the last event.
  const std::string& resource_version() const { return resource_version_; }

 private:
  ObjectSet objects_;
  std::string resource_version_;
};

}  // namespace rbdcrypt::k8s
