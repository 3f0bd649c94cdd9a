// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

namespace rbdcrypt::vault {

// Names that users write or that ceph-csi reads. "6.x" is ceph-csi-compat.

// Provider names, as an entry spells them (6.1).
inline constexpr std::string_view kVaultProvider = "vault";
inline constexpr std::string_view kTokensProvider = "vaulttokens";
inline constexpr std::string_view kTenantSaProvider = "vaulttenantsa";

// Options (6.4).
inline constexpr std::string_view kAddress = "vaultAddress";
inline constexpr std::string_view kBackend = "vaultBackend";
inline constexpr std::string_view kBackendPath = "vaultBackendPath";
inline constexpr std::string_view kPassphraseRoot = "vaultPassphraseRoot";
inline constexpr std::string_view kPassphrasePath = "vaultPassphrasePath";
inline constexpr std::string_view kAuthPath = "vaultAuthPath";
inline constexpr std::string_view kRole = "vaultRole";
inline constexpr std::string_view kNamespace = "vaultNamespace";
inline constexpr std::string_view kAuthNamespace = "vaultAuthNamespace";
inline constexpr std::string_view kDestroyKeys = "vaultDestroyKeys";
inline constexpr std::string_view kTlsServerName = "vaultTLSServerName";
inline constexpr std::string_view kCaVerify = "vaultCAVerify";
inline constexpr std::string_view kCaFromSecret = "vaultCAFromSecret";
inline constexpr std::string_view kClientCert = "vaultClientCertFromSecret";
inline constexpr std::string_view kClientKey = "vaultClientCertKeyFromSecret";
inline constexpr std::string_view kTenantConfigName = "tenantConfigName";
inline constexpr std::string_view kTenantTokenName = "tenantTokenName";
inline constexpr std::string_view kTenantSaName = "tenantSAName";
inline constexpr std::string_view kTenants = "tenants";

// Options of our own; ceph-csi ignores them.
inline constexpr std::string_view kHonorTenants = "honorTenants";
inline constexpr std::string_view kTokenAudience = "tenantSATokenAudience";
inline constexpr std::string_view kTokenLifetime = "tenantSATokenLifetime";
inline constexpr std::string_view kCustomMetadata = "vaultCustomMetadata";

// Of an address that nobody should use.
inline constexpr std::string_view kPlainScheme = "http://";

// Their defaults (6.4).
inline constexpr std::string_view kDefaultBackendPath = "secret";
inline constexpr std::string_view kDefaultAuthMount = "kubernetes";
inline constexpr std::string_view kDefaultRole = "csi-kubernetes";
inline constexpr std::string_view kDefaultTenantConfigName = "ceph-csi-kms-config";
inline constexpr std::string_view kDefaultTenantTokenName = "ceph-csi-kms-token";
inline constexpr std::string_view kDefaultTenantSaName = "ceph-csi-vault-sa";

// Keys inside Kubernetes Secrets (6.4, 6.5).
inline constexpr std::string_view kCertKey = "cert";
inline constexpr std::string_view kKeyKey = "key";
inline constexpr std::string_view kTokenKey = "token";

// Where the kubelet puts the pod's own token (6.6).
inline constexpr std::string_view kPodTokenFile =
    "/var/run/secrets/kubernetes.io/serviceaccount/token";

// Fields of a stored secret: {"data":{"passphrase":"…"}} (6.7).
inline constexpr std::string_view kDataField = "data";
inline constexpr std::string_view kPassphraseField = "passphrase";

// Ours, beside "data" in KV v1 secrets that were replaced: makes every write differ from the one
// before. ceph-csi reads past it and drops it with its next write.
inline constexpr std::string_view kRevisionField = "rbdcrypt-revision";

// Ours, beside it: which of the two secrets next to this one holds the previous DEK, "a" or "b".
inline constexpr std::string_view kPreviousField = "rbdcrypt-previous";

// Those two, behind a volume's path on KV v1; KV v2 keeps the previous DEK as an older version.
inline constexpr std::string_view kPreviousSuffix = ".rbdcrypt-previous-";

}  // namespace rbdcrypt::vault
