// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/kubeconfig.h"

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/secret.h"
#include "base/secret_base64.h"
#include "base/secret_json.h"
#include "base/strings.h"
#include "k8s/secret_file.h"
#include "k8s/yaml.h"

namespace rbdcrypt::k8s {
namespace {

constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

// What others may do with a user's entry and we do not.
constexpr std::array<std::string_view, 7> kRefusedUserFields = {
    "exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups"};

// The text of a field; "" where it is absent.
Result<std::string> Text(const SecretJson& part, std::string_view field) {
  const std::optional<SecretJson> value = part.Find({field});
  if (!value.has_value()) {
    return std::string();
  }
  std::optional<std::string> text = value->AsText();
  if (!text.has_value()) {
    return InvalidArgument(Cat("\"", field, "\" is no text"));
  }
  return *std::move(text);
}

Result<Secret> SecretText(const SecretJson& part, std::string_view field) {
  const std::optional<SecretJson> value = part.Find({field});
  if (!value.has_value()) {
    return Secret();
  }
  std::optional<Secret> text = value->AsSecret();
  if (!text.has_value()) {
    return InvalidArgument(Cat("\"", field, "\" is no text"));
  }
  return *std::move(text);
}

// Whether a field is there and says anything.
bool IsSet(const SecretJson& part, std::string_view field) {
  const std::optional<SecretJson> value = part.Find({field});
  return value.has_value() &&
         !(value->type() == SecretJson::Type::kString && value->AsSecret()->empty());
}

std::string Under(const std::string& folder, const std::string& path) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

// The content of "<field>-data", base64, else of the file that "<field>" names, which is put to
// `files`; empty of neither.
Result<Secret> DataOrFile(const SecretJson& part,
                          std::string_view field,
                          const std::string& folder,
                          std::vector<std::string>& files) {
  const std::string data_field = Cat(field, "-data");
  if (IsSet(part, data_field)) {
    ASSIGN_OR_RETURN(const Secret text, SecretText(part, data_field));
    Result<Secret> bytes = SecretFromBase64(text.RevealText());
    if (!bytes.ok()) {
      return Annotate(bytes.status(), Cat("\"", data_field, "\""));
    }
    return bytes;
  }
  ASSIGN_OR_RETURN(const std::string path, Text(part, field));
  if (path.empty()) {
    return Secret();
  }
  files.push_back(Under(folder, path));
  return ReadSecretFile(files.back(), kMaxConfigBytes);
}

// The part `inner` ("cluster") of the entry of list `list` ("clusters") that has this name.
Result<SecretJson> Entry(const SecretJson& config,
                         std::string_view list,
                         std::string_view name,
                         std::string_view inner) {
  std::optional<SecretJson> found;
  const std::optional<SecretJson> entries = config.Find({list});
  if (entries.has_value()) {
    RETURN_IF_ERROR(entries->ForEach([&](std::string_view, const SecretJson& entry) -> Status {
      ASSIGN_OR_RETURN(const std::string entry_name, Text(entry, "name"));
      if (!found.has_value() && entry_name == name) {
        found = entry.Find({inner});
      }
      return OkStatus();
    }));
  }
  if (!found.has_value()) {
    return InvalidArgument(
        Cat("\"", list, "\" has no entry \"", name, "\" with a \"", inner, "\""));
  }
  return *found;
}

Status ReadCluster(const SecretJson& cluster, const std::string& folder, ClusterAccess& access) {
  if (IsSet(cluster, "proxy-url")) {
    return InvalidArgument("\"proxy-url\" is not supported: name the API server itself");
  }
  ASSIGN_OR_RETURN(const std::string server, Text(cluster, "server"));
  ASSIGN_OR_RETURN(access.server, net::ParseUrl(server));
  ASSIGN_OR_RETURN(const Secret ca,
                   DataOrFile(cluster, "certificate-authority", folder, access.tls_files));
  access.tls.ca_pem = ca.RevealText();
  ASSIGN_OR_RETURN(access.tls.server_name, Text(cluster, "tls-server-name"));
  const std::optional<SecretJson> insecure = cluster.Find({"insecure-skip-tls-verify"});
  if (!insecure.has_value()) {
    return OkStatus();
  }
  if (!insecure->AsBool().has_value()) {
    return InvalidArgument("\"insecure-skip-tls-verify\" is not true or false");
  }
  access.tls.verify = !*insecure->AsBool();
  if (!access.tls.verify && !access.tls.ca_pem.empty()) {
    return InvalidArgument(
        "\"insecure-skip-tls-verify\" and a certificate authority exclude each other");
  }
  if (!access.tls.verify) {
    LogWarn("the API server's certificate is not verified: insecure-skip-tls-verify is set",
            {{"server", access.server.Text()}});
  }
  return OkStatus();
}

Status ReadClientCertificate(const SecretJson& user,
                             const std::string& folder,
                             ClusterAccess& access) {
  ASSIGN_OR_RETURN(const Secret certificate,
                   DataOrFile(user, "client-certificate", folder, access.tls_files));
  ASSIGN_OR_RETURN(Secret key, DataOrFile(user, "client-key", folder, access.tls_files));
  if (certificate.empty() != key.empty()) {
    return InvalidArgument(
        "\"client-certificate\" and \"client-key\" belong together, and one is missing");
  }
  if (!key.empty()) {
    access.tls.client = net::ClientCertificate{
        .certificate_pem = std::string(certificate.RevealText()), .key_pem = std::move(key)};
  }
  return OkStatus();
}

Status ReadUser(const SecretJson& user,
                const std::string& folder,
                Clock& clock,
                ClusterAccess& access) {
  for (const std::string_view field : kRefusedUserFields) {
    if (IsSet(user, field)) {
      return InvalidArgument(Cat("\"", field,
                                 "\" is not supported: use a token, a tokenFile or a client "
                                 "certificate"));
    }
  }
  RETURN_IF_ERROR(ReadClientCertificate(user, folder, access));
  ASSIGN_OR_RETURN(const std::string token_file, Text(user, "tokenFile"));
  if (!token_file.empty()) {
    access.token = std::make_unique<FileToken>(Under(folder, token_file), clock);
    return access.token->Token().status();
  }
  ASSIGN_OR_RETURN(Secret token, SecretText(user, "token"));
  if (!token.empty()) {
    access.token = std::make_unique<StaticToken>(std::move(token));
  }
  return OkStatus();
}

bool IsThisMachine(const net::Url& url) {
  return url.host == "localhost" || url.host == "127.0.0.1" || url.host == "::1";
}

}  // namespace

Result<ClusterAccess> ParseKubeconfig(std::string_view text,
                                      const std::string& folder,
                                      Clock& clock) {
  ASSIGN_OR_RETURN(const Secret json, YamlToJson(text, "the kubeconfig"));
  ASSIGN_OR_RETURN(const SecretJson config, SecretJson::Parse(json.RevealText(), "the kubeconfig"));
  ASSIGN_OR_RETURN(const std::string current, Text(config, "current-context"));
  if (current.empty()) {
    return InvalidArgument("the kubeconfig names no \"current-context\"");
  }
  ASSIGN_OR_RETURN(const SecretJson context, Entry(config, "contexts", current, "context"));
  ASSIGN_OR_RETURN(const std::string cluster_name, Text(context, "cluster"));
  ASSIGN_OR_RETURN(const std::string user_name, Text(context, "user"));
  ClusterAccess access;
  ASSIGN_OR_RETURN(access.ns, Text(context, "namespace"));
  if (access.ns.empty()) {
    access.ns = "default";
  }
  ASSIGN_OR_RETURN(const SecretJson cluster, Entry(config, "clusters", cluster_name, "cluster"));
  RETURN_IF_ERROR(
      Annotate(ReadCluster(cluster, folder, access), Cat("cluster \"", cluster_name, "\"")));
  ASSIGN_OR_RETURN(const SecretJson user, Entry(config, "users", user_name, "user"));
  RETURN_IF_ERROR(Annotate(ReadUser(user, folder, clock, access), Cat("user \"", user_name, "\"")));
  if (access.token != nullptr && access.server.scheme != "https" && !IsThisMachine(access.server)) {
    return InvalidArgument(Cat("cluster \"", cluster_name,
                               "\": a token would go to its server over plain http: use https"));
  }
  return access;
}

Result<ClusterAccess> KubeconfigAccess(const std::string& path, Clock& clock) {
  ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path, kMaxConfigBytes));
  const std::string folder = std::filesystem::absolute(path).parent_path().string();
  Result<ClusterAccess> access = ParseKubeconfig(text.RevealText(), folder, clock);
  if (!access.ok()) {
    return Annotate(access.status(), path);
  }
  // Certificates may stand in itself.
  access->tls_files.push_back(path);
  return access;
}

}  // namespace rbdcrypt::k8s
