// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "k8s/client.h"

namespace rbdcrypt::kms {

// The key encryptionPassphrase of a Kubernetes Secret (ceph-csi-compat 6.3), read when it is needed
// and not before: volumes can be deleted after their tenant's Secret is gone (safety B3).
// Immutable, thread safe.
class KubePassphrase {
 public:
  // `client` must outlive it.
  KubePassphrase(k8s::Client& client, k8s::ObjectName secret, std::string kms_id);

  // The passphrase byte for byte; a trailing newline in the Secret is part of it (ceph-csi-compat
  // 5.2). kNotFound: no such Secret, or it has no such key, or an empty one. kPermissionDenied: our
  // service account may not read it. kUnavailable, kCancelled, kDeadlineExceeded.
  Result<Secret> Get(const Context& context, std::string_view volume_id) const;

 private:
  k8s::Client& client_;
  const k8s::ObjectName secret_;
  const std::string kms_id_;
};

}  // namespace rbdcrypt::kms
