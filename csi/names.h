// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace rbdcrypt::csi {

// Parameters of a StorageClass, or a volume's context: both are such maps.
using Parameters = std::map<std::string, std::string, std::less<>>;

// StorageClass parameters (ceph-csi-compat 4.1); all come back in the volume's context (4.3).
inline constexpr std::string_view kClusterIdParameter = "clusterID";
inline constexpr std::string_view kPoolParameter = "pool";
inline constexpr std::string_view kDataPoolParameter = "dataPool";
inline constexpr std::string_view kRadosNamespaceParameter = "radosNamespace";
inline constexpr std::string_view kNamePrefixParameter = "volumeNamePrefix";
inline constexpr std::string_view kImageFeaturesParameter = "imageFeatures";
inline constexpr std::string_view kMounterParameter = "mounter";
inline constexpr std::string_view kTryOtherMountersParameter = "tryOtherMounters";
inline constexpr std::string_view kMapOptionsParameter = "mapOptions";
inline constexpr std::string_view kUnmapOptionsParameter = "unmapOptions";
inline constexpr std::string_view kMkfsOptionsParameter = "mkfsOptions";
inline constexpr std::string_view kEncryptedParameter = "encrypted";
inline constexpr std::string_view kKmsIdParameter = "encryptionKMSID";
inline constexpr std::string_view kEncryptionTypeParameter = "encryptionType";
inline constexpr std::string_view kStripeUnitParameter = "stripeUnit";
inline constexpr std::string_view kStripeCountParameter = "stripeCount";
inline constexpr std::string_view kObjectSizeParameter = "objectSize";
inline constexpr std::string_view kTopologyPoolsParameter = "topologyConstrainedPools";

// Of later ceph-csi releases (ceph-csi-compat 11).
inline constexpr std::string_view kCipherParameter = "encryptionCipher";
inline constexpr std::string_view kKeySizeParameter = "encryptionKeySize";
inline constexpr std::string_view kSectorSizeParameter = "encryptionSectorSize";
inline constexpr std::string_view kIntegrityParameter = "integrityMode";

// Keys of the volume context that are no parameters (ceph-csi-compat 1.3, 1.4, 4.3).
inline constexpr std::string_view kJournalPoolKey = "journalPool";
inline constexpr std::string_view kImageNameKey = "imageName";
inline constexpr std::string_view kStaticVolumeKey = "staticVolume";
inline constexpr std::string_view kMigrationKey = "migration";

// What the sidecars add with --extra-create-metadata (ceph-csi-compat 4.5); the names are those of
// the image metadata, too.
inline constexpr std::string_view kSidecarPrefix = "csi.storage.k8s.io/";
inline constexpr std::string_view kPvNameKey = "csi.storage.k8s.io/pv/name";
inline constexpr std::string_view kPvcNameKey = "csi.storage.k8s.io/pvc/name";
inline constexpr std::string_view kPvcNamespaceKey = "csi.storage.k8s.io/pvc/namespace";
// Names the Secret that comes with NodeExpandVolume (external-provisioner, StorageClass secrets).
inline constexpr std::string_view kNodeExpandSecretParameter =
    "csi.storage.k8s.io/node-expand-secret-name";
inline constexpr std::string_view kClusterNameLabel = "csi.ceph.com/cluster/name";

// Keys of the request's Secret (ceph-csi-compat 3.4); the last two are in-tree migration's.
inline constexpr std::string_view kUserIdSecret = "userID";
inline constexpr std::string_view kUserKeySecret = "userKey";
inline constexpr std::string_view kMigrationUserSecret = "adminId";
inline constexpr std::string_view kMigrationKeySecret = "key";
inline constexpr std::string_view kMigrationDefaultUser = "admin";

// ceph-csi's default of --drivername (ceph-csi-compat 4.5).
inline constexpr std::string_view kDefaultDriverName = "rbd.csi.ceph.com";

// Files in a staging path: ceph-csi's record (ceph-csi-compat 8.1) and ours beside it.
inline constexpr std::string_view kImageMetaFile = "image-meta.json";
inline constexpr std::string_view kStageRecordFile = "rbdcrypt-stage.json";

}  // namespace rbdcrypt::csi
