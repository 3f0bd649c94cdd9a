// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/metrics.h"
#include "base/status.h"
#include "kms/registry.h"
#include "rbd/encrypted_volume.h"
#include "rbd/image_store.h"
#include "rbd/luks/cipher.h"
#include "rbd/volume_location.h"
#include "rbd/volume_lock.h"

namespace rbdcrypt::rbd {

// How a volume is to be encrypted.
struct EncryptionSpec {
  // "" and "default" are the Secret's shared passphrase.
  std::string kms_id;
  luks::CipherSpec cipher;
};

// What a new volume is to be. Sizes are raw: the LUKS header is inside, as ceph-csi has it.
struct CreateVolumeSpec {
  std::string request_name;
  std::string cluster_id;
  std::string pool;
  // "" means `pool`.
  std::string journal_pool;
  std::string name_prefix;
  // Namespace of the PVC, "" if not told.
  std::string owner;
  // Its name, likewise.
  std::string pvc = {};
  ImageLayout layout;
  // 0: none.
  std::uint64_t limit_bytes = 0;
  std::optional<EncryptionSpec> encryption;
  // Image metadata for a person: PV, PVC, cluster (ceph-csi-compat 4.5).
  std::map<std::string, std::string> labels;
};

// A volume that exists.
struct CreatedVolume {
  std::string volume_id;
  std::string image_name;
  std::string pool;
  std::string journal_pool;
  std::string rados_namespace;
  std::uint64_t size_bytes = 0;
};

struct ExpandedVolume {
  std::uint64_t size_bytes = 0;
  bool is_encrypted = false;
};

// A DEK that stayed in its key manager when its volume was deleted (safety B3).
struct UnreleasedDek {
  std::string volume_id;
  std::string kms_id;
  // Namespace of the PVC, "" if it is not known.
  std::string tenant;
  std::string reason;
};

// What create, delete and expand stand on. References must outlive the flow.
struct VolumeFlowParts {
  const VolumeLocator& locator;
  kms::Registry& kms;
  VolumeLock::Options lock;
  Metrics* metrics = nullptr;
  // Told of each, beside the log and the event unreleased_dek; must not block.
  std::function<void(const UnreleasedDek& dek)> on_unreleased_dek = {};
};

// Creates, deletes and expands volumes in steps that can be repeated from any crash (the tables of
// rbd/journal.h, rbd/volume_lock.h and rbd/encrypted_volume.h, and docs/crash-safety.md).
//
// Callers keep two calls for one volume in one process apart (kAborted); between processes the
// journal's compares and the volume lock do. Thread safe for different volumes.
class VolumeFlow {
 public:
  explicit VolumeFlow(const VolumeFlowParts& parts);

  // Journal, image, then, if encrypted, DEK and header. Finishes what an earlier call began; a
  // final error takes back what this very call made (safety B4). kAlreadyExists: the name is taken
  // by a volume of another size or key manager. kInvalidArgument: a parameter, the cluster or the
  // KMS entry. Errors of the KMS and of EncryptedVolume::Format as they come.
  Result<CreatedVolume> Create(const Context& context,
                               const Caller& caller,
                               const CreateVolumeSpec& spec);

  // Image to the trash, DEKs, trash, journal, lock object; ok if nothing is there any more.
  // kFailedPrecondition: open somewhere; the text says where.
  Status Delete(const Context& context, const Caller& caller, std::string_view volume_id);

  // Grows the image to at least `size_bytes`; a larger one is left as it is. Returns the raw size,
  // LUKS header included, read after it. No key is needed. Repeatable.
  // kNotFound: no such volume, or its image is gone. kInvalidArgument: not an ID of this driver, or
  // an unknown cluster. kAborted: the volume lock or RBD's own is held by somebody else.
  // kPermissionDenied: Ceph refuses the user. kUnavailable: the cluster is slow or down.
  // kCancelled, kDeadlineExceeded: before anything grew. Others as VolumeLocator and VolumeLock.
  Result<ExpandedVolume> Expand(const Context& context,
                                const Caller& caller,
                                std::string_view volume_id,
                                std::uint64_t size_bytes);

  // Whether there is such a volume, for ValidateVolumeCapabilities. kNotFound: no.
  Status CheckExists(const Context& context, const Caller& caller, std::string_view volume_id);

 private:
  VolumeFlowParts parts_;
};

}  // namespace rbdcrypt::rbd
