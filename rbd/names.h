// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// Names shared with ceph-csi, on disk in every cluster it served, and our own beside them.
namespace rbdcrypt::rbd {

// Omap objects and keys of the journal (ceph-csi-compat 2.1).
inline constexpr char kVolumesDirectoryPrefix[] = "csi.volumes.";
inline constexpr char kDirectoryKeyPrefix[] = "csi.volume.";
inline constexpr char kVolumeObjectPrefix[] = "csi.volume.";
inline constexpr char kJournalKeyPrefix[] = "csi.";
inline constexpr char kKeyVolumeName[] = "csi.volname";
inline constexpr char kKeyImageName[] = "csi.imagename";
inline constexpr char kKeyImageId[] = "csi.imageid";
inline constexpr char kKeyOwner[] = "csi.volume.owner";
inline constexpr char kKeyKmsId[] = "csi.volume.encryptKMS";
inline constexpr char kKeyEncryptionType[] = "csi.volume.encryptionType";
// A value of the one before: fscrypt, which this driver does not serve (ceph-csi-compat 5.12).
inline constexpr char kEncryptionTypeFile[] = "file";
inline constexpr char kKeyJournalPool[] = "csi.journalpool";
inline constexpr char kSnapshotsDirectoryPrefix[] = "csi.snaps.";
inline constexpr char kSnapshotObjectPrefix[] = "csi.snap.";
inline constexpr char kKeySnapshotName[] = "csi.snapname";

// Default prefix of an image's name (ceph-csi-compat 1.2).
inline constexpr char kDefaultVolumePrefix[] = "csi-vol-";
inline constexpr char kDefaultSnapshotPrefix[] = "csi-snap-";
// Behind the name of a clone: the image between it and its source (ceph-csi-compat 1.2, 5.8).
inline constexpr char kIntermediateSuffix[] = "-temp";

// Image metadata (ceph-csi-compat 5.1); the dotted ones are older names of the same.
inline constexpr char kMetaEncrypted[] = "rbd.csi.ceph.com/encrypted";
inline constexpr char kMetaDek[] = "rbd.csi.ceph.com/dek";
inline constexpr char kMetaEncryptedLegacy[] = ".rbd.csi.ceph.com/encrypted";
inline constexpr char kMetaDekLegacy[] = ".rbd.csi.ceph.com/dek";
inline constexpr char kStatePrepared[] = "encryptionPrepared";
inline constexpr char kStateEncrypted[] = "encrypted";

// Ours.
// The DEK before the current one, wrapped as kMetaDek is (safety C).
inline constexpr char kMetaPreviousDek[] = "rbdcrypt/dek-previous";
// When a DEK was last sent to a key manager that cannot compare and set: decimal seconds since
// 1970-01-01 UTC (rbd/sent_dek.h).
inline constexpr char kMetaDekSentAt[] = "rbdcrypt/dek-sent-at";
// When the current DEK was made, and when the last rotation ended; the same form.
inline constexpr char kMetaDekMadeAt[] = "rbdcrypt/dek-made-at";
inline constexpr char kMetaRotatedAt[] = "rbdcrypt/rotated-at";
// The rotation under way, and the keyslot of ours that no stored DEK explains; both are described
// in rotation/records.h.
inline constexpr char kMetaRotation[] = "rbdcrypt/rotation";
inline constexpr char kMetaUnexplainedKeyslot[] = "rbdcrypt/unexplained-keyslot";
// The UUID of the LUKS header this driver is about to write, recorded before it does (safety A2).
inline constexpr char kMetaHeaderUuid[] = "rbdcrypt/header-uuid";
// "making" before mkfs, "made" after (safety A3).
inline constexpr char kMetaFilesystem[] = "rbdcrypt/filesystem";
inline constexpr char kFilesystemMaking[] = "making";
inline constexpr char kFilesystemMade[] = "made";

}  // namespace rbdcrypt::rbd
