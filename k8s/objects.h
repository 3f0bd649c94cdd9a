// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "k8s/time.h"

namespace rbdcrypt::k8s {

// The few fields we read of an object, typed. They are read as Go reads them: absent and null give
// the empty value, unknown fields are nobody's error. A field of the wrong type is kInvalidArgument
// and named ("PersistentVolumeClaim.spec.volumeName"). Nothing is ever written back from these
// structs: a patch carries what changes, so that fields we do not know survive.

using StringMap = std::map<std::string, std::string, std::less<>>;

struct OwnerReference {
  std::string api_version = {};
  std::string kind = {};
  std::string name = {};
  std::string uid = {};
  bool is_controller = false;
};

// The part that all objects have (apimachinery, pkg/apis/meta/v1/types.go).
struct ObjectMeta {
  std::string name = {};
  // Of the namespace; "" of what lives in none.
  std::string ns = {};
  std::string uid = {};
  std::string resource_version = {};
  StringMap annotations = {};
  StringMap labels = {};
  std::optional<WallTime> created = {};
  // Set: somebody asked for its deletion, and finalizers keep it.
  std::optional<WallTime> deleted = {};
  std::vector<OwnerReference> owners = {};

  ObjectName Name() const { return {.ns = ns, .name = name}; }
};

// Another object, as an object points at it; "" where the pointing one says nothing.
struct ObjectReference {
  std::string api_version = {};
  std::string kind = {};
  std::string ns = {};
  std::string name = {};
  std::string uid = {};
};

struct ConfigMap {
  ObjectMeta meta = {};
  // Without binaryData.
  StringMap data = {};
};

struct ServiceAccount {
  ObjectMeta meta = {};
  // Names of the Secrets that hold its tokens, in its namespace; empty since Kubernetes 1.24 unless
  // somebody adds one.
  std::vector<std::string> secrets = {};
};

struct Namespace {
  ObjectMeta meta = {};
  // "Active" or "Terminating".
  std::string phase = {};
};

struct PersistentVolumeClaim {
  ObjectMeta meta = {};
  // Absent is not "": that one asks for no class at all.
  std::optional<std::string> storage_class = {};
  // "" until it is bound.
  std::string volume_name = {};
  // "Pending", "Bound" or "Lost".
  std::string phase = {};
};

struct PersistentVolume {
  // What a CSI driver made.
  struct Csi {
    std::string driver = {};
    std::string volume_handle = {};
    StringMap attributes = {};
    // Secrets that the kubelet and the sidecars hand to the driver.
    std::optional<ObjectName> node_stage_secret = {};
    std::optional<ObjectName> controller_expand_secret = {};
    std::optional<ObjectName> node_expand_secret = {};
  };

  ObjectMeta meta;
  std::string storage_class;
  // "Available", "Bound", "Released" or "Failed".
  std::string phase;
  // Absent: not a CSI volume.
  std::optional<Csi> csi;
  // Absent: nobody's.
  std::optional<ObjectReference> claim;
};

struct StorageClass {
  ObjectMeta meta = {};
  std::string provisioner = {};
  StringMap parameters = {};
};

// coordination.k8s.io/v1.
struct Lease {
  ObjectMeta meta = {};
  // "": released.
  std::string holder = {};
  std::int64_t duration_seconds = 0;
  // Both are for people, so nothing stands for what is no time, too.
  std::optional<WallTime> acquired = {};
  std::optional<WallTime> renewed = {};
  std::int64_t transitions = 0;
};

// Each takes a whole object; of a list's items "kind" and "apiVersion" are missing, so neither is
// looked at. ParseMeta names the fields "<what>.metadata…".
Result<ObjectMeta> ParseMeta(const Json& object, std::string_view what = "object");
Result<ConfigMap> ParseConfigMap(const Json& object);
Result<ServiceAccount> ParseServiceAccount(const Json& object);
Result<Namespace> ParseNamespace(const Json& object);
Result<PersistentVolumeClaim> ParsePersistentVolumeClaim(const Json& object);
Result<PersistentVolume> ParsePersistentVolume(const Json& object);
Result<StorageClass> ParseStorageClass(const Json& object);
Result<Lease> ParseLease(const Json& object);

}  // namespace rbdcrypt::k8s
