// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/certificates.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/strings.h"

namespace rbdcrypt::net {
namespace {

// The labels that OpenSSL takes for a certificate (PEM_read_bio_X509(3)).
constexpr std::array<std::string_view, 3> kLabels = {"CERTIFICATE", "X509 CERTIFICATE",
                                                     "TRUSTED CERTIFICATE"};

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";

bool IsCertificate(std::string_view label) {
  return std::find(kLabels.begin(), kLabels.end(), label) != kLabels.end();
}

}  // namespace

Result<std::string> CertificatesIn(const Secret& pem, std::string_view what) {
  const std::string_view text = pem.RevealText();
  std::string found;
  for (std::size_t at = text.find(kBegin); at != std::string_view::npos;
       at = text.find(kBegin, at + 1)) {
    const std::size_t label_at = at + kBegin.size();
    const std::size_t label_end = text.find(kDashes, label_at);
    if (label_end == std::string_view::npos) {
      break;
    }
    const std::string_view label = text.substr(label_at, label_end - label_at);
    if (!IsCertificate(label)) {
      continue;
    }
    const std::string end = Cat("-----END ", label, kDashes);
    const std::size_t end_at = text.find(end, label_end);
    if (end_at == std::string_view::npos) {
      break;
    }
    found += Cat(text.substr(at, end_at + end.size() - at), "\n");
  }
  if (found.empty()) {
    return InvalidArgument(
        Cat(what, ": it holds no certificate in PEM (\"-----BEGIN CERTIFICATE", kDashes, "\")"));
  }
  return found;
}

}  // namespace rbdcrypt::net
