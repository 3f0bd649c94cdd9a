// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/volume_check.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "base/context.h"
#include "base/strings.h"
#include "cmd/image_text.h"
#include "rbd/volume_proof.h"

namespace rbdcrypt::cmd {
namespace {

using Outcome = rbd::VolumeProof::Outcome;

// Of the rows that are printed.
std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPreviousDek:
      return "previousDek";
    case Outcome::kUnfinished:
      return "unfinished";
    default:
      return "failed";
  }
}

std::string PoolSpec(const VolumeCheck& check) {
  return check.rados_namespace.empty() ? check.pool : Cat(check.pool, "/", check.rados_namespace);
}

void PrintSums(const VolumeCheck& check, std::ostream& out) {
  const rbd::PoolProof& proof = check.proof;
  out << "  ok      " << proof.proven << " volumes and snapshots: the DEK can be had"
      << (check.opened ? " and opens the header" : "") << "\n";
  if (proof.previous_dek > 0) {
    out << "  ok      " << proof.previous_dek << " open with the DEK before the current one\n";
  }
  if (proof.unfinished > 0) {
    out << "  ok      " << proof.unfinished << " are being made or deleted and have no DEK\n";
  }
  if (proof.failed > 0) {
    out << "  FAILED  " << proof.failed << " cannot be opened\n";
  }
}

}  // namespace

VolumeCheck CheckVolumes(const KmsCheckOptions& options,
                         rbd::Pool& pool,
                         kms::Registry& registry,
                         const rbd::OnProof& on_proof) {
  const kms::RequestSecrets no_secrets;
  const rbd::VolumeProver prover(registry, no_secrets,
                                 options.open ? rbd::ProofDepth::kHeader : rbd::ProofDepth::kDek);
  VolumeCheck check{.cluster_id = options.cluster.cluster_id,
                    .pool = pool.name(),
                    .rados_namespace = pool.rados_namespace(),
                    .opened = options.open};
  check.proof = rbd::ProvePool(Context::Background(), pool, prover,
                               {.images = {.cluster_id = options.cluster.cluster_id},
                                .kms_id = options.kms.kms_id,
                                .tenant = options.tenant,
                                .timeout = std::chrono::seconds(options.kms.timeout_seconds)},
                               on_proof);
  return check;
}

void PrintProof(const rbd::EncryptedImage& found,
                const rbd::VolumeProof& proof,
                std::ostream& out) {
  switch (proof.outcome) {
    case Outcome::kPreviousDek:
      out << "  previous DEK  " << ImageText(found)
          << "\n          its header answers to the DEK before the current one alone\n";
      return;
    case Outcome::kUnfinished:
      out << "  unfinished  " << ImageText(found) << "\n          " << proof.reason << "\n";
      return;
    default:
      out << "  FAILED  " << ImageText(found) << "\n          " << StatusText(proof.status) << "\n";
  }
}

void PrintVolumeCheck(const VolumeCheck& check, std::ostream& out) {
  const rbd::PoolProof& proof = check.proof;
  out << "pool " << PoolSpec(check) << " of cluster " << check.cluster_id << "\n";
  PrintSums(check, out);
  for (const auto& [reason, count] : proof.left_out) {
    out << "  left out: " << count << " volumes and snapshots: " << reason << "\n";
  }
  if (proof.unknown > 0) {
    out << "  not asked for: " << proof.unknown
        << " images with a wrapped DEK whose key manager no journal names (see rbdcrypt orphans)\n";
  }
  if (!proof.status.ok()) {
    out << "  STOPPED  the rest is not proven: " << StatusText(proof.status) << "\n";
  }
}

Json ProofJson(const rbd::EncryptedImage& found, const rbd::VolumeProof& proof) {
  Json row = ImageJson(found);
  row["outcome"] = OutcomeName(proof.outcome);
  if (!proof.status.ok()) {
    row.update(StatusJson(proof.status));
  } else if (!proof.reason.empty()) {
    row["message"] = proof.reason;
  }
  return row;
}

Json VolumeCheckJson(const VolumeCheck& check, Json rows) {
  const rbd::PoolProof& proof = check.proof;
  Json object = {{"ok", check.ok()},
                 {"cluster", check.cluster_id},
                 {"pool", check.pool},
                 {"namespace", check.rados_namespace},
                 {"opened", check.opened},
                 {"proven", proof.proven},
                 {"previousDek", proof.previous_dek},
                 {"unfinished", proof.unfinished},
                 {"failed", proof.failed},
                 {"leftOut", proof.left_out},
                 {"unknown", proof.unknown},
                 {"rows", std::move(rows)}};
  object["stopped"] = proof.status.ok() ? Json() : StatusJson(proof.status);
  return object;
}

}  // namespace rbdcrypt::cmd
