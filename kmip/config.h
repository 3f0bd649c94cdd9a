// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kms/config.h"
#include "net/endpoint.h"
#include "net/tls_options.h"

namespace rbdcrypt::kmip {

// How a wrapped DEK is written (kmip/dek_text.h, ADR 20).
enum class WrapFormat {
  // As ceph-csi reads it; bound neither to its volume nor to its KEK.
  kCephCsi,
  // Ours: authenticated, bound to both, and names its KEK.
  kAead,
};

// One entry of provider "kmip", read and checked.
//
//   option                 default                       meaning
//   KMIP_ENDPOINT          required                      "host:port", "[v6]:port"; ours: several,
//                                                        separated by commas; port 5696 if none
//   KMIP_SECRET_NAME       "ceph-csi-kmip-credentials"   Secret in this pod's namespace
//   TLS_SERVER_NAME        that of the endpoint          name to ask for and to verify
//   READ_TIMEOUT           10                            seconds for one answer, 1 to 3600: a
//   WRITE_TIMEOUT          10                            number; ours: or a text of digits
//   USE_CRYPTO_RPC         as the server can             "true": it wraps by itself; "false": the
//                                                        KEK is fetched and used here
//   TLS_MIN_VERSION        "1.2"                         or "1.3"
//   KMS_SERVICE_NAME                                     ignored
//
// and of our own:
//
//   WRAP_FORMAT            "ceph-csi"                    or "aead"
//   KEK_CACHE_SECONDS      "0"                           how long a fetched KEK is kept, at most
//                                                        3600; 0: for the call alone
//   KMIP_CREDENTIALS_DIR                                 absolute path of a folder with a file for
//                                                        each key of the Secret, instead of it
//
// An empty text is as good as none. An option not listed is refused, since a misspelt one would be
// silent.
struct KmipOptions {
  std::string kms_id;
  // At least one.
  std::vector<net::Endpoint> endpoints = {};
  // One of both is "".
  std::string secret_name = {};
  std::string credentials_dir = {};
  // "" for the endpoint's.
  std::string server_name = {};
  net::TlsVersion min_version = net::TlsVersion::k12;
  std::chrono::seconds read_timeout = std::chrono::seconds(10);
  std::chrono::seconds write_timeout = std::chrono::seconds(10);
  // Nothing: as the server can.
  std::optional<bool> use_crypto_rpc = {};
  WrapFormat format = WrapFormat::kCephCsi;
  std::chrono::seconds kek_cache = std::chrono::seconds::zero();
};

// kInvalidArgument names the KMS ID and the option.
Result<KmipOptions> ParseOptions(const kms::ConfigEntry& entry);

}  // namespace rbdcrypt::kmip
