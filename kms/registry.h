// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "base/status.h"
#include "kms/config.h"
#include "kms/key_admin.h"
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
  // Name of the PVC; "" where unknown, and after its creation.
  std::string pvc = {};
  const RequestSecrets& secrets;
};

// Builds one provider from its entry. kInvalidArgument names the KMS ID and the option;
// kUnimplemented: an option that this build does not offer.
using ProviderFactory = std::function<Result<std::shared_ptr<Kms>>(
    const Context& context, const ConfigEntry& entry, const KmsRequest& request)>;

// The same of what an administrator may do with its KEKs.
using KeyAdminFactory = std::function<Result<std::unique_ptr<KeyAdmin>>(
    const Context& context, const ConfigEntry& entry, const KmsRequest& request)>;

// One row of the table of providers.
struct Provider {
  ProviderFactory open;
  // Whether it keeps DEKs itself; false: it wraps them, and they go with their image.
  bool keeps_deks = true;
  // Null where the provider's keys are administered elsewhere.
  KeyAdminFactory admin = nullptr;
};

using Providers = std::map<std::string, Provider, std::less<>>;

// KMS ID -> configured provider.
//
// The table of providers is given once, in cmd/wiring; no provider registers itself. Entries are
// read, and providers built, for every call, as ceph-csi does: a provider holds its request's
// secrets, and a corrected entry needs no restart. What is worth keeping between calls (key rings,
// later connections) the factories keep. Thread safe.
class Registry {
 public:
  // `metrics`, if not null, counts every call to a provider and must outlive it.
  Registry(ConfigSource& config, Providers providers, Metrics* metrics = nullptr);

  // The provider of `request.kms_id`. An empty id and "default" are the Secret-based one and read
  // no configuration (ceph-csi-compat 6.1). Opening asks no key manager: one that is down, or a
  // missing passphrase, shows when a DEK is wanted.
  // kInvalidArgument: no such entry, unknown provider, or a bad option; the text names the KMS ID.
  // kUnavailable: the configuration cannot be read now. kUnimplemented: an option of ceph-csi's
  // that this build does not offer. kCancelled, kDeadlineExceeded.
  Result<std::shared_ptr<Kms>> Open(const Context& context, const KmsRequest& request);

  // What an administrator may do with the KEKs of that KMS ID. Errors as of Open(); kUnimplemented,
  // too: not with this provider.
  Result<std::unique_ptr<KeyAdmin>> OpenAdmin(const Context& context, const KmsRequest& request);

  // Whether the provider of that KMS ID keeps DEKs itself: needs no secrets and asks nobody. Errors
  // as of Open().
  Result<bool> KeepsDeks(const Context& context, const std::string& kms_id);

  // The name of the provider of that KMS ID, likewise.
  Result<std::string> ProviderOf(const Context& context, const std::string& kms_id);

  // The KMS IDs of all entries, malformed ones too; "default" is none. Errors as of ConfigSource.
  Result<std::set<std::string>> Ids(const Context& context) { return config_.Ids(context); }

 private:
  struct Row {
    ConfigEntry entry;
    const Provider& provider;
  };

  Result<Row> Find(const Context& context, const std::string& kms_id);

  ConfigSource& config_;
  Providers providers_;
  Metrics* metrics_;
};

}  // namespace rbdcrypt::kms
