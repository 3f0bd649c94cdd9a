// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include <google/protobuf/map.h>

#include "base/status.h"
#include "kms/registry.h"
#include "rbd/cluster.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::csi {

// Who calls, out of a request's secrets: the Ceph user, and the whole Secret for the key manager.
//
// Values are copied into locked memory at once. protobuf's own copy in the request is ordinary
// memory that nobody wipes: an exception to safety E1 that SECURITY.md names.
class CallerSecrets {
 public:
  // userID and userKey, or, where the Secret has `key`, those of a migrated in-tree volume
  // (ceph-csi-compat 3.4). kInvalidArgument: one of them is missing or empty.
  static Result<CallerSecrets> Read(
      const ::google::protobuf::Map<std::string, std::string>& secrets);

  // Valid as long as this object stays where it is.
  rbd::Caller caller() const { return {.credentials = credentials_, .secrets = secrets_}; }

  const rbd::Credentials& credentials() const { return credentials_; }

 private:
  CallerSecrets() = default;

  rbd::Credentials credentials_;
  kms::RequestSecrets secrets_;
};

}  // namespace rbdcrypt::csi
