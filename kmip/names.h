// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string_view>

namespace rbdcrypt::kmip {

// Names that users write or that ceph-csi reads. "6.x" is ceph-csi-compat.

// As an entry spells it (6.1).
inline constexpr std::string_view kProvider = "kmip";

// Options (6.8); there is no other spelling of them.
inline constexpr std::string_view kEndpoint = "KMIP_ENDPOINT";
inline constexpr std::string_view kSecretName = "KMIP_SECRET_NAME";
inline constexpr std::string_view kTlsServerName = "TLS_SERVER_NAME";
inline constexpr std::string_view kReadTimeout = "READ_TIMEOUT";
inline constexpr std::string_view kWriteTimeout = "WRITE_TIMEOUT";
// Of 2026 (11).
inline constexpr std::string_view kUseCryptoRpc = "USE_CRYPTO_RPC";
inline constexpr std::string_view kTlsMinVersion = "TLS_MIN_VERSION";

// Options of our own; ceph-csi ignores them.
inline constexpr std::string_view kWrapFormat = "WRAP_FORMAT";
inline constexpr std::string_view kKekCacheSeconds = "KEK_CACHE_SECONDS";
inline constexpr std::string_view kCredentialsDir = "KMIP_CREDENTIALS_DIR";

// Values of WRAP_FORMAT.
inline constexpr std::string_view kCephCsiFormat = "ceph-csi";
inline constexpr std::string_view kAeadFormat = "aead";

// Defaults (6.8); the port is IANA's.
inline constexpr std::string_view kDefaultSecretName = "ceph-csi-kmip-credentials";
inline constexpr std::uint16_t kDefaultPort = 5696;

// Keys of the Secret, and names of the files of a folder instead of it (6.8).
inline constexpr std::string_view kCaCert = "CA_CERT";
inline constexpr std::string_view kClientCert = "CLIENT_CERT";
inline constexpr std::string_view kClientKey = "CLIENT_KEY";
inline constexpr std::string_view kUniqueIdentifier = "UNIQUE_IDENTIFIER";

}  // namespace rbdcrypt::kmip
