// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace rbdcrypt::testing {

// The objects behind FakeKubeApi, as etcd and the API server's registry keep them: one version
// counter for all, optimistic locking, merge and apply patches, finalizers, and a history for
// watches. Answers are those of the real one (seen on 1.34), as HTTP status and body. Not thread
// safe: FakeKubeApi locks.
class FakeKubeStore {
 public:
  struct Reply {
    int status = 200;
    Json body = {};
  };

  // "api/v1/secrets" + namespace + name.
  struct Key {
    std::string type;
    std::string ns;
    std::string name;

    auto operator<=>(const Key&) const = default;
  };

  struct Change {
    std::uint64_t version = 0;
    // "ADDED", "MODIFIED" or "DELETED".
    std::string event;
    Key key;
    Json object;
  };

  struct ListQuery {
    std::string labels = {};
    std::string fields = {};
    std::size_t limit = 0;
    std::string continue_token = {};
  };

  // Which part a write is about; the other stays as it is stored.
  enum class Part { kMain, kStatus };

  Reply Get(const Key& key) const;
  Reply List(const std::string& type, const std::string& ns, const ListQuery& query) const;
  Reply Create(Key key, Json object);
  Reply Update(const Key& key, const Json& object, Part part);
  Reply Merge(const Key& key, const Json& patch, Part part);
  Reply Apply(const Key& key, const Json& patch, const std::string& manager, bool force);
  Reply Delete(const Key& key, const Json& options);

  // Stores an object as it is, status included, and gives it uid and version.
  Json Put(const Key& key, Json object);

  // Forgets what was before: older watches and continue tokens are expired (410).
  void ForgetHistory();

  // Whether a watch may begin behind this version.
  bool Remembers(std::uint64_t version) const { return version >= oldest_; }

  // The changes behind a version, of those objects.
  std::vector<Change> ChangesAfter(std::uint64_t version,
                                   const std::string& type,
                                   const std::string& ns,
                                   const ListQuery& query) const;

  std::uint64_t version() const { return version_; }

  static Reply Error(int status, std::string_view reason, std::string_view message);

 private:
  Reply Store(const Key& key, Json object);
  Reply WriteBack(const Key& key, Json changed, Part part);
  Reply ApplyOwned(const Key& key, const Json& patch, const std::string& manager);
  bool Conflicts(const Key& key, const Json& patch, const std::string& manager) const;

  std::map<Key, Json> objects_;
  std::vector<Change> history_;
  // Who set a field by server-side apply: object -> JSON pointer -> manager.
  std::map<Key, std::map<std::string, std::string>> owners_;
  std::uint64_t version_ = 1000;
  std::uint64_t oldest_ = 0;
};

}  // namespace rbdcrypt::testing
