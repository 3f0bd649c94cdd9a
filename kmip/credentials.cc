// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/credentials.h"

#include <algorithm>
#include <array>
#include <utility>

#include <sys/stat.h>

#include "base/strings.h"
#include "k8s/secret_file.h"
#include "kmip/names.h"
#include "net/certificates.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::array kKeys = {kCaCert, kClientCert, kClientKey, kUniqueIdentifier};

// Chains of certificates are a few KiB.
constexpr std::size_t kMaxFileBytes = std::size_t{256} * 1024;

class CredentialsReader {
 public:
  CredentialsReader(const KmipOptions& options, const std::string& pod_namespace)
      : options_(options),
        pod_namespace_(pod_namespace),
        place_(CredentialsPlace(options, pod_namespace)),
        what_(Cat("KMS \"", options.kms_id, "\": ", place_)) {}

  Result<Credentials> FromSecret(const Context& context, k8s::Client* kubernetes) const;
  Result<Credentials> FromFolder() const;

 private:
  Result<Credentials> Make(k8s::SecretData data) const;
  Status CheckKeys(const k8s::SecretData& data) const;
  Status CheckPrivate(const std::string& path) const;

  const KmipOptions& options_;
  const std::string& pod_namespace_;
  const std::string place_;
  const std::string what_;
};

Result<Credentials> CredentialsReader::FromSecret(const Context& context,
                                                  k8s::Client* kubernetes) const {
  if (kubernetes == nullptr) {
    return Unimplemented(Cat(what_, " is in Kubernetes, which this process does not reach: put ",
                             "the four files into a folder and name it in ", kCredentialsDir));
  }
  Result<k8s::SecretObject> secret =
      kubernetes->GetSecret(context, {.ns = pod_namespace_, .name = options_.secret_name});
  switch (secret.status().code()) {
    case Code::kOk:
      return Make(std::move(secret->data));
    case Code::kNotFound:
      return InvalidArgument(Cat(what_, " does not exist: make it, with the keys ", kCaCert, ", ",
                                 kClientCert, ", ", kClientKey, " and ", kUniqueIdentifier,
                                 ", or correct ", kSecretName));
    case Code::kPermissionDenied:
      return Annotate(secret.status(), Cat(what_, ": let this driver's service account get it"));
    default:
      return Annotate(secret.status(), what_);
  }
}

Result<Credentials> CredentialsReader::FromFolder() const {
  k8s::SecretData data;
  for (const std::string_view key : kKeys) {
    const std::string path = Cat(options_.credentials_dir, "/", key);
    if (key == kClientKey) {
      RETURN_IF_ERROR(CheckPrivate(path));
    }
    Result<Secret> content = k8s::ReadSecretFile(path, kMaxFileBytes);
    if (!content.ok()) {
      return Annotate(content.status(), what_);
    }
    data.emplace(key, *std::move(content));
  }
  return Make(std::move(data));
}

// Of a file that is not there the reader says so.
Status CredentialsReader::CheckPrivate(const std::string& path) const {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0) {
    return InvalidArgument(Cat(what_, ": ", kClientKey, " is open to other users: chmod 600 it ",
                               "(defaultMode: 0400 of a mounted Secret), and consider it seen"));
  }
  return OkStatus();
}

Status CredentialsReader::CheckKeys(const k8s::SecretData& data) const {
  for (const auto& [key, unused] : data) {
    if (std::ranges::find(kKeys, std::string_view(key)) == kKeys.end()) {
      return InvalidArgument(Cat(what_, " has the key ", key, ", which is none of ", kCaCert, ", ",
                                 kClientCert, ", ", kClientKey, ", ", kUniqueIdentifier,
                                 ": remove it, as ceph-csi refuses such a Secret, too"));
    }
  }
  for (const std::string_view key : kKeys) {
    const auto found = data.find(key);
    if (found == data.end() || found->second.empty()) {
      return InvalidArgument(
          Cat(what_, found == data.end() ? " has no " : " has an empty ", key, ": put it there"));
    }
  }
  return OkStatus();
}

Result<Credentials> CredentialsReader::Make(k8s::SecretData data) const {
  RETURN_IF_ERROR(CheckKeys(data));
  const auto at = [&data](std::string_view key) -> Secret& { return data.find(key)->second; };
  Credentials made;
  made.tls.server_name = options_.server_name;
  made.tls.min_version = options_.min_version;
  ASSIGN_OR_RETURN(made.tls.ca_pem, net::CertificatesIn(at(kCaCert), Cat(what_, ", ", kCaCert)));
  made.tls.client.emplace();
  ASSIGN_OR_RETURN(made.tls.client->certificate_pem,
                   net::CertificatesIn(at(kClientCert), Cat(what_, ", ", kClientCert)));
  made.tls.client->key_pem = std::move(at(kClientKey));
  made.key_id = Trim(at(kUniqueIdentifier).RevealText());
  if (!IsKeyId(made.key_id)) {
    return InvalidArgument(Cat(what_, ", ", kUniqueIdentifier, " is no identifier of a key: 1 to ",
                               kMaxKeyIdBytes, " printable ASCII characters"));
  }
  return made;
}

}  // namespace

std::string CredentialsPlace(const KmipOptions& options, const std::string& pod_namespace) {
  return options.credentials_dir.empty() ? Cat("Secret ", pod_namespace, "/", options.secret_name)
                                         : Cat("folder ", options.credentials_dir);
}

bool IsKeyId(std::string_view text) {
  const auto is_printable = [](char c) { return c >= 0x20 && c < 0x7F; };
  return !text.empty() && text.size() <= kMaxKeyIdBytes && std::ranges::all_of(text, is_printable);
}

Result<Credentials> ReadCredentials(const Context& context,
                                    const KmipOptions& options,
                                    k8s::Client* kubernetes,
                                    const std::string& pod_namespace) {
  const CredentialsReader reader(options, pod_namespace);
  return options.credentials_dir.empty() ? reader.FromSecret(context, kubernetes)
                                         : reader.FromFolder();
}

}  // namespace rbdcrypt::kmip
