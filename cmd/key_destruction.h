// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "rbd/key_use.h"

namespace rbdcrypt::cmd {

// What became of a KEK that was to be destroyed.
struct KeyDestruction {
  enum class Verdict {
    // Something needs it or may need it, or not all could be looked at.
    kRefused,
    // Nothing that was looked at needs it; without --yes that is all.
    kMayBeDestroyed,
    kDestroyed,
    // The key manager was asked to, and `status` is what it says.
    kFailed,
  };

  std::string kms_id = {};
  std::string key_id = {};
  std::string cluster_id = {};
  Verdict verdict = Verdict::kRefused;
  std::vector<rbd::KeyUse> uses = {};
  std::vector<rbd::SearchedPool> pools = {};
  // KMS ID -> images that were passed over, since its provider is another.
  std::map<std::string, int> passed_over = {};
  // "POOL" or "POOL/NAMESPACE" of the same cluster, or the reason why nobody knows which there are.
  std::vector<std::string> other_pools = {};
  // clusterIDs of the configuration that were not looked into and not excepted either: they forbid
  // it.
  std::vector<std::string> other_clusters = {};
  // Of kRefused: why the search ended early; OK: it did not. Of kFailed: the key manager's answer.
  Status status = OkStatus();

  // Whether a caller got what it asked for.
  bool ok() const { return verdict == Verdict::kMayBeDestroyed || verdict == Verdict::kDestroyed; }
};

// As lines for people, as a JSON object (docs/administration.md).
void PrintDestruction(const KeyDestruction& destruction, std::ostream& out);
Json DestructionJson(const KeyDestruction& destruction);

}  // namespace rbdcrypt::cmd
