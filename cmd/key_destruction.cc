// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/key_destruction.h"

#include <string_view>
#include <utility>

#include "base/strings.h"
#include "cmd/image_text.h"

namespace rbdcrypt::cmd {
namespace {

using Verdict = KeyDestruction::Verdict;

std::string Spec(std::string_view pool, std::string_view rados_namespace) {
  return rados_namespace.empty() ? std::string(pool) : Cat(pool, "/", rados_namespace);
}

std::string UseText(const rbd::KeyUse& use) {
  std::string text(use.what);
  if (!text.empty()) {
    text += " of ";
  }
  if (!use.image.has_value()) {
    return Cat(text, "KMS \"", use.kms_id, "\": it wraps new ones with the key");
  }
  text += Cat(ImageText(*use.image), ", pool ", Spec(use.pool, use.rados_namespace));
  return use.kms_id.empty() ? Cat(text, ", of a KMS that no journal names")
                            : Cat(text, ", KMS \"", use.kms_id, "\"");
}

// The same where it is not known whether it does.
std::string UnknownText(const rbd::KeyUse& use) {
  return use.image.has_value() ? UseText(use) : Cat("new DEKs of KMS \"", use.kms_id, "\"");
}

void PrintWhere(const KeyDestruction& destruction, std::ostream& out) {
  for (const rbd::SearchedPool& pool : destruction.pools) {
    out << "  looked into: pool " << Spec(pool.pool, pool.rados_namespace) << ", " << pool.deks
        << " wrapped DEKs" << (pool.status.ok() ? "" : ", not to its end") << "\n";
  }
  for (const auto& [kms_id, images] : destruction.passed_over) {
    out << "  passed over: " << images << " images of KMS \"" << kms_id
        << "\", whose provider is another\n";
  }
  if (!destruction.other_pools.empty()) {
    out << "  NOT looked into, and nothing is known of: " << Join(destruction.other_pools, ", ")
        << "\n";
  }
}

std::string VerdictText(const KeyDestruction& destruction) {
  switch (destruction.verdict) {
    case Verdict::kMayBeDestroyed:
      return "nothing that was looked at needs the key; nothing was destroyed. With --yes it is, "
             "for "
             "good: whatever needs it and was not looked at is lost then";
    case Verdict::kDestroyed:
      return "destroyed";
    case Verdict::kFailed:
      return StatusText(destruction.status);
    default:
      return Cat("refused: ", destruction.uses.size(), " need the key or may need it",
                 destruction.status.ok()
                     ? ""
                     : Cat(", and not all was looked at: ", StatusText(destruction.status)),
                 destruction.other_clusters.empty()
                     ? ""
                     : Cat(", and cluster ", Join(destruction.other_clusters, ", "),
                           " of the configuration was not looked into: if no volume there needs "
                           "the key, say so by --except-cluster"),
                 "; nothing was destroyed");
  }
}

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMayBeDestroyed:
      return "mayBeDestroyed";
    case Verdict::kDestroyed:
      return "destroyed";
    case Verdict::kFailed:
      return "failed";
    default:
      return "refused";
  }
}

Json UseJson(const rbd::KeyUse& use) {
  Json row = use.image.has_value() ? ImageJson(*use.image) : Json{{"kind", "entry"}};
  row["kmsId"] = use.kms_id;
  row["pool"] = use.pool;
  row["namespace"] = use.rados_namespace;
  row["what"] = use.what;
  row["known"] = use.status.ok();
  if (!use.status.ok()) {
    row.update(StatusJson(use.status));
  }
  return row;
}

Json PoolsJson(const KeyDestruction& destruction) {
  Json pools = Json::array();
  for (const rbd::SearchedPool& pool : destruction.pools) {
    pools.push_back({{"pool", pool.pool},
                     {"namespace", pool.rados_namespace},
                     {"wrappedDeks", pool.deks},
                     {"whole", pool.status.ok()}});
  }
  return pools;
}

}  // namespace

void PrintDestruction(const KeyDestruction& destruction, std::ostream& out) {
  out << "key " << destruction.key_id << " of KMS \"" << destruction.kms_id << "\", cluster "
      << destruction.cluster_id << "\n";
  PrintWhere(destruction, out);
  for (const rbd::KeyUse& use : destruction.uses) {
    if (use.status.ok()) {
      out << "  NEEDED by " << UseText(use) << "\n";
    } else {
      out << "  UNKNOWN whether needed by " << UnknownText(use) << "\n          "
          << StatusText(use.status) << "\n";
    }
  }
  out << VerdictText(destruction) << "\n";
}

Json DestructionJson(const KeyDestruction& destruction) {
  Json uses = Json::array();
  for (const rbd::KeyUse& use : destruction.uses) {
    uses.push_back(UseJson(use));
  }
  return {{"kmsId", destruction.kms_id},
          {"keyId", destruction.key_id},
          {"cluster", destruction.cluster_id},
          {"verdict", VerdictName(destruction.verdict)},
          {"lookedInto", PoolsJson(destruction)},
          {"passedOver", destruction.passed_over},
          {"otherPools", destruction.other_pools},
          {"otherClusters", destruction.other_clusters},
          {"uses", std::move(uses)},
          {"error", destruction.status.ok() ? Json() : StatusJson(destruction.status)}};
}

}  // namespace rbdcrypt::cmd
