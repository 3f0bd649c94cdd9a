// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/config.h"
#include "kms/kms.h"

namespace rbdcrypt::kms {

// Secrets of the request at hand: the StorageClass's Secret as the sidecar or kubelet sent it.
using RequestSecrets = std::map<std::string, Secret, std::less<>>;

// What a provider is built from. References live as long as the call that builds.
struct KmsRequest {
  // From StorageClass or journal; "" means "default".
  std::string kms_id;
  // Namespace of the PVC; "" where unknown.
  std::string tenant;
  const RequestSecrets& secrets;
};

// Builds one provider from its entry. kInvalidArgument names the KMS ID and the option.
using ProviderFactory = std::function<Result<std::shared_ptr<Kms>>(
    const Context& context, const ConfigEntry& entry, const KmsRequest& request)>;

// KMS ID -> configured provider.
//
// The table of providers is given once, in cmd/wiring; no provider registers itself. Entries are
// read, and providers built, for every call, as ceph-csi does: a provider holds its request's
// secrets, and a corrected entry needs no restart. What is worth keeping between calls (key rings,
// later connections) the factories keep. Thread safe.
class Registry {
 public:
  Registry(ConfigSource& config, std::map<std::string, ProviderFactory, std::less<>> providers);

  // The provider of `request.kms_id`. An empty id and "default" are the Secret-based one and read
  // no configuration (ceph-csi-compat 6.1).
  // kInvalidArgument: no such entry, unknown provider, or a bad option; the text names the KMS ID.
  Result<std::shared_ptr<Kms>> Open(const Context& context, const KmsRequest& request);

 private:
  ConfigSource& config_;
  std::map<std::string, ProviderFactory, std::less<>> providers_;
};

}  // namespace rbdcrypt::kms
