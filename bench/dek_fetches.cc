// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// dek_fetches: fetches DEKs as a node does, through the key managers of one process.
//
// Standard input: a plan (rounds.h) whose targets are volume IDs, with "kmsId", "tenant" and
//
//   "perOpening"   fetches for which a caller opens the key manager once; a node does it for each
//   "stores"       true: makes and stores a DEK for each target instead
//
// Kubernetes is found as the driver finds it (KUBERNETES_CONFIG_PATH, POD_NAMESPACE), and with it
// the configuration and the tenant's identity. Standard output: as RunRounds(). Tokens are given
// back at the end, as the driver does.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "bench/rounds.h"
#include "cmd/key_managers.h"
#include "cmd/kubernetes.h"
#include "cmd/process.h"

namespace rbdcrypt::bench {
namespace {

constexpr std::chrono::minutes kPatience(2);

// The callers of one plan.
class Fetcher {
 public:
  Fetcher(kms::Registry& registry, const Plan& plan)
      : registry_(registry),
        kms_id_(plan.options.value("kmsId", "")),
        tenant_(plan.options.value("tenant", "")),
        per_opening_(plan.options.value("perOpening", 1)),
        stores_(plan.options.value("stores", false)),
        callers_(plan.callers) {}

  Status Fetch(std::size_t caller, const std::string& volume_id);

 private:
  // What one caller has open.
  struct Caller {
    std::shared_ptr<kms::Kms> kms;
    int fetches_left = 0;
  };

  Result<kms::Kms*> Open(const Context& context, Caller& caller);

  kms::Registry& registry_;
  const std::string kms_id_;
  const std::string tenant_;
  const int per_opening_;
  const bool stores_;
  std::vector<Caller> callers_;
};

Result<kms::Kms*> Fetcher::Open(const Context& context, Caller& caller) {
  if (caller.fetches_left == 0) {
    const kms::RequestSecrets no_secrets;
    ASSIGN_OR_RETURN(
        caller.kms,
        registry_.Open(context, {.kms_id = kms_id_, .tenant = tenant_, .secrets = no_secrets}));
    caller.fetches_left = per_opening_;
  }
  --caller.fetches_left;
  return caller.kms.get();
}

Status Fetcher::Fetch(std::size_t caller, const std::string& volume_id) {
  const Context context = Context::Background().WithTimeout(kPatience);
  ASSIGN_OR_RETURN(kms::Kms * kms, Open(context, callers_[caller]));
  if (kms->store() == nullptr) {
    return InvalidArgument(Cat("KMS \"", kms_id_, "\" keeps no DEKs: there is nothing to fetch"));
  }
  if (stores_) {
    ASSIGN_OR_RETURN(const Secret dek, kms::NewDek(kms->dek_bytes()));
    return kms->store()->Create(context, volume_id, dek).status();
  }
  ASSIGN_OR_RETURN(const kms::StoredDek stored, kms->store()->Fetch(context, volume_id));
  return stored.dek.empty() ? DataLoss(Cat(volume_id, " has an empty DEK")) : OkStatus();
}

Result<Json> Run() {
  RETURN_IF_ERROR(InitLog("error", LogFormat::kText));
  ASSIGN_OR_RETURN(const Plan plan, ReadPlan(std::cin));
  Metrics metrics;
  ASSIGN_OR_RETURN(const std::unique_ptr<cmd::Kubernetes> kubernetes,
                   cmd::Kubernetes::Find(k8s::ProcessEnvironment(), SystemClock(), "dek-fetches"));
  cmd::KeyManagers managers({}, kubernetes.get(), metrics);
  Fetcher fetcher(managers.registry(), plan);
  Result<Json> results = RunRounds(plan, [&](std::size_t caller, const std::string& target) {
    return fetcher.Fetch(caller, target);
  });
  managers.Close();
  return results;
}

}  // namespace
}  // namespace rbdcrypt::bench

int main() {
  rbdcrypt::cmd::PrepareProcess();
  return rbdcrypt::bench::Print("dek_fetches", rbdcrypt::bench::Run());
}
