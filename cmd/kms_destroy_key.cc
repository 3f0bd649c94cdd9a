// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_destroy_key.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cmd/ceph_access.h"
#include "cmd/kms_session.h"
#include "rbd/key_use.h"

namespace rbdcrypt::cmd {
namespace {

using Verdict = KeyDestruction::Verdict;

struct PoolSpec {
  std::string pool;
  std::string rados_namespace;

  std::string Text() const {
    return rados_namespace.empty() ? pool : Cat(pool, "/", rados_namespace);
  }

  friend auto operator<=>(const PoolSpec&, const PoolSpec&) = default;
};

// Two names of one cluster have a monitor in common.
bool IsSameCluster(const rbd::ClusterEntry& a, const rbd::ClusterEntry& b) {
  return std::ranges::any_of(a.monitors, [&](const std::string& monitor) {
    return std::ranges::find(b.monitors, monitor) != b.monitors.end();
  });
}

class Destruction {
 public:
  Destruction(const Context& context,
              const KmsDestroyKeyOptions& options,
              const KeyDestructionParts& parts)
      : context_(context), options_(options), parts_(parts) {}

  Result<KeyDestruction> Run() {
    ASSIGN_OR_RETURN(clusters_, parts_.clusters.All());
    RETURN_IF_ERROR(CheckExceptions());
    const kms::RequestSecrets no_secrets;
    ASSIGN_OR_RETURN(
        const std::unique_ptr<kms::KeyAdmin> admin,
        parts_.registry.OpenAdmin(
            OneRequest(), {.kms_id = options_.kms.kms_id, .tenant = "", .secrets = no_secrets}));
    rbd::KeyUseSearch search(parts_.registry, *admin,
                             {.kms_id = options_.kms.kms_id,
                              .key_id = options_.key_id,
                              .timeout = std::chrono::seconds(options_.kms.timeout_seconds)});
    KeyDestruction result{.kms_id = options_.kms.kms_id,
                          .key_id = options_.key_id,
                          .cluster_id = parts_.cluster.cluster_id,
                          .other_clusters = OtherClusters()};
    result.status = Search(search, result);
    Decide(search, *admin, result);
    result.uses = search.uses();
    result.pools = search.pools();
    result.passed_over = search.passed_over();
    return result;
  }

 private:
  Context OneRequest() const {
    return context_.WithTimeout(std::chrono::seconds(options_.kms.timeout_seconds));
  }

  // A name that excepts nothing is a mistake, and another cluster's volumes would pay for it.
  Status CheckExceptions() const {
    for (const std::string& name : options_.except_clusters) {
      const bool is_known = std::ranges::any_of(
          clusters_, [&](const rbd::ClusterEntry& entry) { return entry.cluster_id == name; });
      if (!is_known) {
        return InvalidArgument(
            Cat("--except-cluster ", name, ": no such clusterID in the cluster configuration"));
      }
    }
    return OkStatus();
  }

  std::vector<std::string> OtherClusters() const {
    std::vector<std::string> others;
    for (const rbd::ClusterEntry& entry : clusters_) {
      const bool is_excepted = std::ranges::find(options_.except_clusters, entry.cluster_id) !=
                               options_.except_clusters.end();
      if (!is_excepted && !IsSameCluster(entry, parts_.cluster)) {
        others.push_back(entry.cluster_id);
      }
    }
    return others;
  }

  Status Search(rbd::KeyUseSearch& search, KeyDestruction& result) {
    RETURN_IF_ERROR(search.AskEntries(context_));
    ASSIGN_OR_RETURN(const std::set<PoolSpec> wanted, options_.all_pools ? AllPools() : Listed());
    if (!options_.all_pools) {
      result.other_pools = OtherPools(wanted);
    }
    for (const PoolSpec& spec : wanted) {
      ASSIGN_OR_RETURN(const std::unique_ptr<rbd::Pool> pool,
                       parts_.connection.OpenPool(spec.pool, spec.rados_namespace));
      RETURN_IF_ERROR(Annotate(search.AskPool(context_, *pool, ClusterIdOf(spec.rados_namespace)),
                               Cat("pool ", spec.Text())));
    }
    return OkStatus();
  }

  Result<std::set<PoolSpec>> AllPools() const {
    std::set<PoolSpec> all;
    ASSIGN_OR_RETURN(const std::vector<std::string> pools, parts_.connection.PoolNames());
    for (const std::string& pool : pools) {
      all.insert({.pool = pool, .rados_namespace = ""});
      ASSIGN_OR_RETURN(const std::vector<std::string> namespaces,
                       parts_.connection.NamespacesOf(pool));
      for (const std::string& each : namespaces) {
        all.insert({.pool = pool, .rados_namespace = each});
      }
    }
    return all;
  }

  Result<std::set<PoolSpec>> Listed() const {
    std::set<PoolSpec> listed;
    for (const std::string& text : options_.pools) {
      const std::size_t slash = text.find('/');
      listed.insert(
          slash == std::string::npos
              ? PoolSpec{.pool = text, .rados_namespace = parts_.cluster.rados_namespace}
              : PoolSpec{.pool = text.substr(0, slash), .rados_namespace = text.substr(slash + 1)});
    }
    return listed;
  }

  // For a person to judge, so a list that cannot be had is said to be none.
  std::vector<std::string> OtherPools(const std::set<PoolSpec>& wanted) const {
    const Result<std::set<PoolSpec>> all = AllPools();
    if (!all.ok()) {
      return {Cat("other pools, which cannot be listed (", Message(all.status()), ")")};
    }
    std::vector<std::string> others;
    for (const PoolSpec& spec : *all) {
      if (!wanted.contains(spec)) {
        others.push_back(Cat("pool ", spec.Text()));
      }
    }
    return others;
  }

  // In a namespace of its own a pool may belong to another clusterID of the same cluster.
  std::string ClusterIdOf(const std::string& rados_namespace) const {
    if (rados_namespace != parts_.cluster.rados_namespace) {
      for (const rbd::ClusterEntry& entry : clusters_) {
        if (entry.rados_namespace == rados_namespace && IsSameCluster(entry, parts_.cluster)) {
          return entry.cluster_id;
        }
      }
    }
    return parts_.cluster.cluster_id;
  }

  bool IsForbidden(const rbd::KeyUseSearch& search, const KeyDestruction& result) const {
    return !search.uses().empty() || !result.status.ok() || !result.other_clusters.empty();
  }

  void Decide(rbd::KeyUseSearch& search, kms::KeyAdmin& admin, KeyDestruction& result) {
    if (IsForbidden(search, result)) {
      return;
    }
    result.verdict = Verdict::kMayBeDestroyed;
    if (!options_.yes) {
      return;
    }
    result.status = search.AskEntries(context_);
    if (IsForbidden(search, result)) {
      result.verdict = Verdict::kRefused;
      return;
    }
    result.status = admin.DestroyKey(OneRequest(), options_.key_id);
    result.verdict = result.status.ok() ? Verdict::kDestroyed : Verdict::kFailed;
  }

  const Context& context_;
  const KmsDestroyKeyOptions& options_;
  const KeyDestructionParts& parts_;
  std::vector<rbd::ClusterEntry> clusters_;
};

}  // namespace

Result<KeyDestruction> DestroyKey(const Context& context,
                                  const KmsDestroyKeyOptions& options,
                                  const KeyDestructionParts& parts) {
  return Destruction(context, options, parts).Run();
}

Result<bool> RunKmsDestroyKey(const KmsDestroyKeyOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::unique_ptr<KmsSession> session, KmsSession::Open(options.kms));
  ASSIGN_OR_RETURN(const CephAccess ceph, ConnectToCeph(options.cluster));
  const rbd::ClusterConfig clusters(options.cluster.cluster_config, "");
  ASSIGN_OR_RETURN(const KeyDestruction destruction,
                   DestroyKey(Context::Background(), options,
                              {.registry = session->background_registry(),
                               .clusters = clusters,
                               .cluster = ceph.cluster,
                               .connection = *ceph.connection}));
  if (options.kms.json) {
    out << DestructionJson(destruction).dump() << "\n";
  } else {
    PrintDestruction(destruction, out);
  }
  return destruction.ok();
}

}  // namespace rbdcrypt::cmd
