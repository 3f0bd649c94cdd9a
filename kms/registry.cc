// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/registry.h"

#include <utility>
#include <vector>

#include "base/strings.h"
#include "kms/names.h"

namespace rbdcrypt::kms {

Registry::Registry(ConfigSource& config,
                   std::map<std::string, ProviderFactory, std::less<>> providers)
    : config_(config), providers_(std::move(providers)) {}

Result<std::shared_ptr<Kms>> Registry::Open(const Context& context, const KmsRequest& request) {
  ConfigEntry entry{.id = std::string(kDefaultKmsId),
                    .provider = std::string(kDefaultProvider),
                    .options = Json::object()};
  if (!request.kms_id.empty() && request.kms_id != kDefaultKmsId) {
    ASSIGN_OR_RETURN(entry, config_.Find(context, request.kms_id));
  }
  const auto factory = providers_.find(entry.provider);
  if (factory == providers_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, unused] : providers_) {
      known.push_back(name);
    }
    return InvalidArgument(Cat("KMS \"", entry.id, "\" names the unknown provider \"",
                               entry.provider, "\"; known here: ", Join(known, ", ")));
  }
  return factory->second(context, entry, request);
}

}  // namespace rbdcrypt::kms
