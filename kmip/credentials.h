// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "k8s/client.h"
#include "kmip/config.h"
#include "net/tls_options.h"

namespace rbdcrypt::kmip {

// Longest identifier of a key: those of servers seen are UUIDs, numbers or hexadecimal (kmip.md
// 16), and it goes into every text of format "aead".
inline constexpr std::size_t kMaxKeyIdBytes = 256;

// Who this driver is to the key manager, and the key it wraps with.
struct Credentials {
  // CA, client certificate and its key; server name and version of the entry.
  net::TlsOptions tls;
  // UNIQUE_IDENTIFIER.
  std::string key_id;
};

// Where an entry has them, for texts: "Secret ceph/ceph-csi-kmip-credentials", "folder /etc/kmip".
std::string CredentialsPlace(const KmipOptions& options, const std::string& pod_namespace);

// What texts that name a key hold: 1 to kMaxKeyIdBytes printable ASCII characters.
bool IsKeyId(std::string_view text);

// Reads them from the Secret in `pod_namespace`, or the entry's folder, afresh: a renewed
// certificate counts at once. As with ceph-csi a further key in the Secret is refused, so that the
// entry works there, too, should one move back; further files in a folder are not looked at. White
// space around UNIQUE_IDENTIFIER, as an editor leaves it, is no part of it.
//
// Errors name KMS ID and place. kInvalidArgument: no such Secret, one of the four is missing or
// empty, holds no certificate, or is no identifier; CLIENT_KEY is open to other users of this host.
// kPermissionDenied: our service account may not read the Secret. kUnimplemented: a Secret, and
// `kubernetes` is null. kUnavailable: Kubernetes cannot be reached, or a file is not there (its
// mount may still come). kCancelled, kDeadlineExceeded.
Result<Credentials> ReadCredentials(const Context& context,
                                    const KmipOptions& options,
                                    k8s::Client* kubernetes,
                                    const std::string& pod_namespace);

}  // namespace rbdcrypt::kmip
