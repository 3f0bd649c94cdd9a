// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/mounts.h"

#include <optional>
#include <string_view>
#include <utility>

#include <absl/time/time.h>

#include "base/strings.h"
#include "net/url.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

// How late a cancellation may be noticed.
constexpr absl::Duration kSlice = absl::Milliseconds(100);

std::string Keyed(const std::string& server_key, const VaultOptions& options) {
  return Cat(server_key, " ", options.secret_namespace, " ", options.backend_path);
}

std::string JoinPath(const std::string& left, const std::string& right) {
  return left.empty() ? right : (right.empty() ? left : Cat(left, "/", right));
}

std::string_view TrimSlashes(std::string_view text) {
  while (text.ends_with('/')) {
    text.remove_suffix(1);
  }
  while (text.starts_with('/')) {
    text.remove_prefix(1);
  }
  return text;
}

// Of an object with "type" and "options"; "options" may be null.
Result<int> VersionOf(const SecretJson& mount, const std::string& path) {
  const std::optional<SecretJson> type = mount.Find({"type"});
  const std::string name = type.has_value() ? type->AsText().value_or("") : "";
  if (name != "kv" && name != "generic") {
    return InvalidArgument(
        Cat("the mount of ", path, " is no KV engine: correct the option ", kBackendPath));
  }
  const std::optional<SecretJson> version = mount.Find({"options", "version"});
  return version.has_value() && version->AsInt() == 2 ? 2 : 1;
}

}  // namespace

Result<KvMount> ParseUiMount(const Answer& answer, const std::string& path) {
  ASSIGN_OR_RETURN(const SecretJson json, answer.Json());
  const std::optional<SecretJson> data = json.Find({"data"});
  if (!data.has_value()) {
    return Unavailable(Cat("the answer about the mount of ", path, " has no data"));
  }
  KvMount mount;
  ASSIGN_OR_RETURN(mount.version, VersionOf(*data, path));
  const std::optional<SecretJson> at = data->Find({"path"});
  const std::string text = at.has_value() ? at->AsText().value_or("") : "";
  mount.path = TrimSlashes(text.empty() ? path : text);
  if (mount.path != path && !path.starts_with(mount.path + "/")) {
    return Unavailable(Cat("the answer about the mount of ", path, " speaks of another"));
  }
  mount.prefix = TrimSlashes(std::string_view(path).substr(mount.path.size()));
  return mount;
}

Result<KvMount> ParseMounts(const Answer& answer, const std::string& path) {
  ASSIGN_OR_RETURN(const SecretJson json, answer.Json());
  const std::optional<SecretJson> data = json.Find({"data"});
  std::optional<SecretJson> found;
  const auto visit = [&](std::string_view name, const SecretJson& value) -> Status {
    if (TrimSlashes(name) == path && value.type() == SecretJson::Type::kObject) {
      found = value;
    }
    return OkStatus();
  };
  if (data.has_value()) {
    RETURN_IF_ERROR(data->ForEach(visit));
  }
  if (!found.has_value()) {
    return NotFound(Cat("nothing is mounted at ", path));
  }
  KvMount mount{.path = path, .prefix = {}};
  ASSIGN_OR_RETURN(mount.version, VersionOf(*found, path));
  return mount;
}

Result<KvMount> Mounts::Find(const Context& context,
                             AuthorizedClient& client,
                             const VaultOptions& options) {
  if (options.backend != Backend::kProbe) {
    return KvMount{.version = options.backend == Backend::kV2 ? 2 : 1,
                   .path = JoinPath(options.secret_namespace, options.backend_path),
                   .prefix = {}};
  }
  const std::string key = Keyed(client.options().server_key, options);
  const auto round = std::make_shared<Round>();
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(WaitForRound(context, key));
    if (const auto known = known_.find(key); known != known_.end()) {
      return known->second;
    }
    rounds_[key] = round;
  }
  Result<KvMount> mount = Ask(context, client, options);
  absl::MutexLock lock(&mutex_);
  round->has_ended = true;
  round_ended_.SignalAll();
  std::erase_if(rounds_, [&](const auto& item) { return item.second == round; });
  RETURN_IF_ERROR(mount.status());
  mount->path = JoinPath(options.secret_namespace, mount->path);
  known_[key] = *mount;
  return mount;
}

// For the one under way alone: after one that failed, which may be for its identity, those who
// waited do not wait for each other.
Status Mounts::WaitForRound(const Context& context, const std::string& key) {
  const auto found = rounds_.find(key);
  if (found == rounds_.end()) {
    return OkStatus();
  }
  const std::shared_ptr<Round> round = found->second;
  while (!round->has_ended) {
    RETURN_IF_ERROR(context.Check("wait for the answer about a mount of Vault"));
    round_ended_.WaitWithTimeout(&mutex_, kSlice);
  }
  return OkStatus();
}

void Mounts::Forget(const std::string& server_key, const VaultOptions& options) {
  absl::MutexLock lock(&mutex_);
  known_.erase(Keyed(server_key, options));
}

Result<KvMount> Mounts::Ask(const Context& context,
                            AuthorizedClient& client,
                            const VaultOptions& options) {
  const std::string& path = options.backend_path;
  const std::string ui_path = Cat("sys/internal/ui/mounts/", net::EscapePath(path));
  ASSIGN_OR_RETURN(
      const Answer seen,
      client.Send(context, {.path = ui_path, .namespace_header = options.secret_namespace}));
  if (seen.verdict() == Verdict::kSuccess) {
    Result<KvMount> mount = ParseUiMount(seen, path);
    return mount.ok() ? std::move(mount) : Annotate(mount.status(), client.Subject(ui_path));
  }
  // Where ceph-csi looks, and in the namespace in which it does.
  const std::string list_path = "sys/mounts";
  ASSIGN_OR_RETURN(
      const Answer listed,
      client.Send(context, {.path = list_path, .namespace_header = options.auth_namespace}));
  if (listed.verdict() == Verdict::kDenied) {
    return PermissionDenied(Cat(
        client.Subject(path), ": ", seen.Describe(),
        ": there is no such mount, or no policy of this identity touches it, so its KV version ",
        "cannot be found out: say it by the option ", kBackend, " (\"kv\" or \"kv-v2\"), or ",
        "grant the path"));
  }
  if (listed.verdict() != Verdict::kSuccess) {
    return client.Explain(context, listed, list_path, "read");
  }
  Result<KvMount> mount = ParseMounts(listed, path);
  if (mount.status().code() == Code::kNotFound) {
    return InvalidArgument(Cat(client.Subject(list_path), ": nothing is mounted at ", path,
                               ": enable a KV engine there, or correct the option ", kBackendPath));
  }
  return mount.ok() ? std::move(mount) : Annotate(mount.status(), client.Subject(list_path));
}

}  // namespace rbdcrypt::vault
