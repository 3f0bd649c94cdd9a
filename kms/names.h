// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

namespace rbdcrypt::kms {

// Names that users write or that other drivers read. "6.x" is ceph-csi-compat.

// The KMS ID that needs no configuration; "" means the same (6.1).
inline constexpr std::string_view kDefaultKmsId = "default";

// Provider names, as an entry spells them; case sensitive (6.1). "local" is ours.
inline constexpr std::string_view kDefaultProvider = "default";
inline constexpr std::string_view kMetadataProvider = "metadata";
inline constexpr std::string_view kLocalProvider = "local";

// The ConfigMap with one entry per key, and the variable that names another; the one whose key
// config.json is usually mounted as the file (6.1).
inline constexpr char kConfigMapVariable[] = "KMS_CONFIGMAP_NAME";
inline constexpr std::string_view kConfigMapName = "csi-kms-connection-details";
inline constexpr std::string_view kFileConfigMapName = "ceph-csi-encryption-kms-config";
inline constexpr std::string_view kFileConfigMapKey = "config.json";

// The option that names the provider, and its upper-case form, looked at second (6.1).
inline constexpr std::string_view kProviderOption = "encryptionKMSType";
inline constexpr std::string_view kProviderOptionUpper = "KMS_PROVIDER";

// Written by Rook into some entries, used by nobody (6.8).
inline constexpr std::string_view kServiceNameOption = "KMS_SERVICE_NAME";

// The passphrase's key, in the request's Secret and in the Kubernetes Secret of 6.3.
inline constexpr std::string_view kPassphraseKey = "encryptionPassphrase";

// Options of "metadata" (6.3).
inline constexpr std::string_view kSecretNameOption = "secretName";
inline constexpr std::string_view kSecretNamespaceOption = "secretNamespace";

// Options of "local", in both spellings; see kms/local.h.
inline constexpr std::string_view kLocalKeyFileOption = "localKeyFile";
inline constexpr std::string_view kLocalKeyFileOptionUpper = "LOCAL_KEY_FILE";
inline constexpr std::string_view kLocalKeyBitsOption = "localKeyBits";
inline constexpr std::string_view kLocalKeyBitsOptionUpper = "LOCAL_KEY_BITS";
inline constexpr std::string_view kLocalDekBitsOption = "localDekBits";
inline constexpr std::string_view kLocalDekBitsOptionUpper = "LOCAL_DEK_BITS";
inline constexpr std::string_view kCreateIfMissingOption = "createIfMissing";
inline constexpr std::string_view kCreateIfMissingOptionUpper = "LOCAL_CREATE_IF_MISSING";

}  // namespace rbdcrypt::kms
