// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/registry.h"

#include <utility>
#include <vector>

#include "base/strings.h"
#include "kms/counted.h"
#include "kms/names.h"

namespace rbdcrypt::kms {

Registry::Registry(ConfigSource& config, Providers providers, Metrics* metrics)
    : config_(config), providers_(std::move(providers)), metrics_(metrics) {}

Result<Registry::Row> Registry::Find(const Context& context, const std::string& kms_id) {
  ConfigEntry entry{.id = std::string(kDefaultKmsId),
                    .provider = std::string(kDefaultProvider),
                    .options = Json::object()};
  if (!kms_id.empty() && kms_id != kDefaultKmsId) {
    ASSIGN_OR_RETURN(entry, config_.Find(context, kms_id));
  }
  const auto provider = providers_.find(entry.provider);
  if (provider == providers_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, unused] : providers_) {
      known.push_back(name);
    }
    return InvalidArgument(Cat("KMS \"", entry.id, "\" names the unknown provider \"",
                               entry.provider, "\"; known here: ", Join(known, ", ")));
  }
  return Row{.entry = std::move(entry), .provider = provider->second};
}

Result<std::shared_ptr<Kms>> Registry::Open(const Context& context, const KmsRequest& request) {
  ASSIGN_OR_RETURN(const Row row, Find(context, request.kms_id));
  ASSIGN_OR_RETURN(std::shared_ptr<Kms> kms, row.provider.open(context, row.entry, request));
  return metrics_ == nullptr ? kms : Counted(std::move(kms), *metrics_);
}

Result<std::unique_ptr<KeyAdmin>> Registry::OpenAdmin(const Context& context,
                                                      const KmsRequest& request) {
  ASSIGN_OR_RETURN(const Row row, Find(context, request.kms_id));
  if (row.provider.admin == nullptr) {
    return Unimplemented(Cat("KMS \"", row.entry.id, "\" is of provider \"", row.entry.provider,
                             "\", whose keys are not made or destroyed from here: use the tools of "
                             "that key manager"));
  }
  return row.provider.admin(context, row.entry, request);
}

Result<bool> Registry::KeepsDeks(const Context& context, const std::string& kms_id) {
  ASSIGN_OR_RETURN(const Row row, Find(context, kms_id));
  return row.provider.keeps_deks;
}

Result<std::string> Registry::ProviderOf(const Context& context, const std::string& kms_id) {
  ASSIGN_OR_RETURN(const Row row, Find(context, kms_id));
  return row.entry.provider;
}

}  // namespace rbdcrypt::kms
