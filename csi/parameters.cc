// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/parameters.h"

#include <bit>

#include "base/strings.h"
#include "csi/go_bool.h"
#include "csi/image_features.h"
#include "rbd/luks/cipher.h"

namespace rbdcrypt::csi {
namespace {

const std::string* Find(const Parameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? nullptr : &found->second;
}

std::string Get(const Parameters& parameters, std::string_view name) {
  const std::string* value = Find(parameters, name);
  return value == nullptr ? "" : *value;
}

// "" where absent; present but empty is a mistake.
Result<std::string> NonEmpty(const Parameters& parameters, std::string_view name) {
  const std::string* value = Find(parameters, name);
  if (value != nullptr && value->empty()) {
    return InvalidArgument(Cat(name, ": is empty; leave it out or give it a value"));
  }
  return value == nullptr ? "" : *value;
}

Result<std::string> Required(const Parameters& parameters, std::string_view name) {
  if (Find(parameters, name) == nullptr) {
    return InvalidArgument(Cat(name, ": is missing"));
  }
  return NonEmpty(parameters, name);
}

Result<bool> GoBool(const Parameters& parameters, std::string_view name) {
  const std::string* text = Find(parameters, name);
  if (text == nullptr) {
    return false;
  }
  const std::optional<bool> value = ParseGoBool(*text);
  if (!value) {
    return InvalidArgument(Cat(name, ": \"", *text, "\" is no boolean; write true or false"));
  }
  return *value;
}

// 0 where absent.
Result<std::uint64_t> Decimal(const Parameters& parameters, std::string_view name) {
  const std::string* text = Find(parameters, name);
  if (text == nullptr) {
    return std::uint64_t{0};
  }
  const std::optional<std::uint64_t> value = ParseUint64(*text);
  if (!value || *value == 0) {
    return InvalidArgument(Cat(name, ": \"", *text, "\" is no positive decimal number"));
  }
  return *value;
}

Result<std::string> ReadMounter(const Parameters& parameters) {
  const std::string* mounter = Find(parameters, kMounterParameter);
  if (mounter == nullptr || *mounter == "rbd" || *mounter == "rbd-nbd") {
    return mounter == nullptr ? "rbd" : *mounter;
  }
  return InvalidArgument(Cat(kMounterParameter, ": \"", *mounter, "\" is neither rbd nor rbd-nbd"));
}

Status CheckEncryptionType(const Parameters& parameters) {
  const std::string* type = Find(parameters, kEncryptionTypeParameter);
  if (type == nullptr || *type == "block") {
    return OkStatus();
  }
  if (*type == "file") {
    return InvalidArgument(
        Cat(kEncryptionTypeParameter,
            ": file (fscrypt) is not offered; use block in a new StorageClass, and leave volumes "
            "that already have it to ceph-csi"));
  }
  return InvalidArgument(
      Cat(kEncryptionTypeParameter, ": \"", *type, "\" is no encryption type; write block"));
}

Status ReadStriping(const Parameters& parameters, StorageClass& result) {
  ASSIGN_OR_RETURN(result.stripe_unit_bytes, Decimal(parameters, kStripeUnitParameter));
  ASSIGN_OR_RETURN(result.stripe_count, Decimal(parameters, kStripeCountParameter));
  if ((result.stripe_unit_bytes == 0) != (result.stripe_count == 0)) {
    return InvalidArgument(
        Cat(kStripeUnitParameter, ", ", kStripeCountParameter, ": only together"));
  }
  ASSIGN_OR_RETURN(result.object_size_bytes, Decimal(parameters, kObjectSizeParameter));
  if (result.object_size_bytes != 0 && !std::has_single_bit(result.object_size_bytes)) {
    return InvalidArgument(Cat(kObjectSizeParameter, ": is no power of two"));
  }
  return OkStatus();
}

// pool and topologyConstrainedPools: one of them at least.
Status ReadPools(const Parameters& parameters, StorageClass& result) {
  ASSIGN_OR_RETURN(result.pool, NonEmpty(parameters, kPoolParameter));
  ASSIGN_OR_RETURN(result.data_pool, NonEmpty(parameters, kDataPoolParameter));
  if (const std::string* pools = Find(parameters, kTopologyPoolsParameter);
      pools != nullptr && !pools->empty()) {
    ASSIGN_OR_RETURN(result.topology_pools, ParseTopologyPools(*pools));
  }
  if (result.pool.empty() && result.topology_pools.empty()) {
    return InvalidArgument(Cat(kPoolParameter, ": is missing"));
  }
  return OkStatus();
}

}  // namespace

Result<std::optional<rbd::EncryptionSpec>> ReadEncryption(const Parameters& parameters) {
  ASSIGN_OR_RETURN(const bool is_encrypted, GoBool(parameters, kEncryptedParameter));
  if (!is_encrypted) {
    return std::optional<rbd::EncryptionSpec>();
  }
  RETURN_IF_ERROR(CheckEncryptionType(parameters));
  if (!Get(parameters, kIntegrityParameter).empty()) {
    return InvalidArgument(Cat(kIntegrityParameter, ": dm-integrity is not offered; leave it out"));
  }
  rbd::EncryptionSpec spec;
  spec.kms_id = Get(parameters, kKmsIdParameter);
  ASSIGN_OR_RETURN(
      spec.cipher,
      rbd::luks::ParseCipher({.encryption_cipher = Get(parameters, kCipherParameter),
                              .encryption_key_size = Get(parameters, kKeySizeParameter),
                              .encryption_sector_size = Get(parameters, kSectorSizeParameter)}));
  return std::optional<rbd::EncryptionSpec>(std::move(spec));
}

Result<NodeParameters> ReadNodeParameters(const Parameters& context) {
  NodeParameters result;
  ASSIGN_OR_RETURN(result.encryption, ReadEncryption(context));
  ASSIGN_OR_RETURN(result.mounter, ReadMounter(context));
  ASSIGN_OR_RETURN(result.may_try_other_mounters, GoBool(context, kTryOtherMountersParameter));
  ASSIGN_OR_RETURN(result.map_options,
                   ParseMapOptions(kMapOptionsParameter, Get(context, kMapOptionsParameter)));
  ASSIGN_OR_RETURN(result.unmap_options,
                   ParseMapOptions(kUnmapOptionsParameter, Get(context, kUnmapOptionsParameter)));
  for (const std::string& option : Split(Get(context, kMkfsOptionsParameter), ' ')) {
    if (!option.empty()) {
      result.mkfs_options.push_back(option);
    }
  }
  return result;
}

Result<StorageClass> ReadStorageClass(const Parameters& parameters) {
  StorageClass result;
  ASSIGN_OR_RETURN(result.cluster_id, Required(parameters, kClusterIdParameter));
  RETURN_IF_ERROR(ReadPools(parameters, result));
  // Its value is not used: config.json says where volumes live.
  RETURN_IF_ERROR(NonEmpty(parameters, kRadosNamespaceParameter).status());
  ASSIGN_OR_RETURN(result.name_prefix, NonEmpty(parameters, kNamePrefixParameter));
  RETURN_IF_ERROR(ReadStriping(parameters, result));
  ASSIGN_OR_RETURN(result.node, ReadNodeParameters(parameters));
  if (const std::string* features = Find(parameters, kImageFeaturesParameter)) {
    ASSIGN_OR_RETURN(result.features, ParseImageFeatures(*features, result.node.mounter));
  }
  return result;
}

Result<std::optional<rbd::StaticVolume>> ReadStaticVolume(const Parameters& context,
                                                          std::string_view volume_id) {
  ASSIGN_OR_RETURN(const bool is_static, GoBool(context, kStaticVolumeKey));
  if (!is_static) {
    return std::optional<rbd::StaticVolume>();
  }
  rbd::StaticVolume volume;
  ASSIGN_OR_RETURN(const bool is_migrated, GoBool(context, kMigrationKey));
  if (is_migrated) {
    ASSIGN_OR_RETURN(volume.image_name, Required(context, kImageNameKey));
  } else {
    volume.image_name = volume_id;
  }
  ASSIGN_OR_RETURN(volume.cluster_id, Required(context, kClusterIdParameter));
  ASSIGN_OR_RETURN(volume.pool, Required(context, kPoolParameter));
  return std::optional<rbd::StaticVolume>(std::move(volume));
}

}  // namespace rbdcrypt::csi
