// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "kms/key_admin.h"
#include "kms/registry.h"
#include "rbd/cluster.h"
#include "rbd/encrypted_images.h"

namespace rbdcrypt::rbd {

// Something that needs a KEK, or may need it.
struct KeyUse {
  // Nothing: it is the KMS entry itself, which wraps new DEKs.
  std::optional<EncryptedImage> image = {};
  // Of the image.
  std::string pool = {};
  std::string rados_namespace = {};
  // "new DEKs", "current DEK" or "previous DEK"; "" where it could not be told what there is.
  std::string_view what = {};
  // The entry, or the one that the image's journal names.
  std::string kms_id = {};
  // OK: it needs the key. Else why that cannot be told, which counts like a need (safety B7).
  Status status = OkStatus();
};

// Where was looked.
struct SearchedPool {
  std::string pool;
  std::string rados_namespace;
  // How many wrapped DEKs the key manager was asked about.
  int deks = 0;
  // OK: it was walked to its end.
  Status status = OkStatus();
};

// Looks for everything that still needs one KEK, before it is destroyed (safety B7).
//
// Every image counts that has a wrapped DEK, current or previous: volumes, snapshots, clones, what
// is between clones and their sources, the trash, and what no journal names. Only where the journal
// names an entry of another provider is an image passed over: its DEK is elsewhere, and a text in
// its metadata is what librbd copied from its source (safety B8). Entries count, too: one that
// wraps new DEKs with the key would make volumes that nobody could open. Whatever cannot be told
// counts as a need. "No" is said of what was searched, and proves nothing about other pools.
//
// One thread per object; references must outlive it. The key manager is asked by the calling thread
// alone, images are read by several.
class KeyUseSearch {
 public:
  struct Options {
    // Whose `admin` it is. It is asked about the texts of every entry of its provider, for several
    // may be of one server; where it cannot tell, that entry's own is.
    std::string kms_id;
    std::string key_id;
    // For each question to the key manager.
    std::chrono::nanoseconds timeout = std::chrono::minutes(1);
  };

  KeyUseSearch(kms::Registry& registry, kms::KeyAdmin& admin, Options options);

  // Has each entry of the provider wrap a DEK of nobody's, and asks by which key. An error ends it
  // early: the configuration cannot be read, or the key manager does not answer.
  Status AskEntries(const Context& context);

  // Walks a pool. `cluster_id` is that of the volume IDs in it. An error, which stands in pools(),
  // too: it was not walked to its end, since the cluster or the key manager does not answer.
  Status AskPool(const Context& context, Pool& pool, const std::string& cluster_id);

  const std::vector<KeyUse>& uses() const { return uses_; }

  const std::vector<SearchedPool>& pools() const { return pools_; }

  // KMS ID -> how many images were passed over because its provider is another.
  const std::map<std::string, int>& passed_over() const { return passed_over_; }

 private:
  Result<bool> IsOfProvider(const Context& context, const std::string& kms_id);
  Result<std::string> WrapForNobody(const Context& context,
                                    const std::string& kms_id,
                                    const std::string& volume_id);
  Status AskEntry(const Context& context, const std::string& kms_id);
  Status AskImage(const Context& context, KeyUse use, const EncryptedImage& found);
  Status Ask(const Context& context, KeyUse use, std::string_view volume_id, std::string_view text);
  Result<bool> IsNeeded(const Context& context,
                        const std::string& kms_id,
                        std::string_view volume_id,
                        std::string_view text);
  Result<kms::KeyAdmin*> AdminOf(const Context& context, const std::string& kms_id);
  Status CannotTell(KeyUse use, const Status& why);

  kms::Registry& registry_;
  kms::KeyAdmin& admin_;
  const Options options_;
  // Of other entries, by KMS ID.
  std::map<std::string, std::unique_ptr<kms::KeyAdmin>> admins_;
  std::vector<KeyUse> uses_;
  std::vector<SearchedPool> pools_;
  std::map<std::string, int> passed_over_;
};

}  // namespace rbdcrypt::rbd
