// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "kms/names.h"

namespace rbdcrypt::kms {
namespace {

constexpr std::string_view kConfiguration = "KMS configuration";

// A ConfigMap holds 1 MiB at most (Kubernetes, "ConfigMap restrictions").
constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

Result<std::string> ProviderOf(const Json& options, const std::string& what) {
  for (const std::string_view option : {kProviderOption, kProviderOptionUpper}) {
    ASSIGN_OR_RETURN(std::optional<std::string> provider, OptionalString(options, option, what));
    if (provider.has_value()) {
      return *std::move(provider);
    }
  }
  return InvalidArgument(Cat(what, " names no provider: set ", kProviderOption, " or ",
                             kProviderOptionUpper, " in the KMS configuration"));
}

// A file that is there but may not be read is configuration; anything else may pass.
Status CannotRead(const std::string& path, int error) {
  const std::string text =
      Cat("cannot read the KMS configuration ", path, ": ", std::strerror(error));
  const bool lasting = error == EACCES || error == EPERM || error == EISDIR || error == ENOTDIR;
  return lasting ? InvalidArgument(text) : Unavailable(text);
}

// Nothing where there is no such file.
Result<std::optional<std::string>> ReadFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return CannotRead(path, errno);
  }
  std::string text;
  std::array<char, 16384> buffer;
  while (text.size() <= kMaxConfigBytes) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) {
      return text;
    }
    if (count < 0 && errno != EINTR) {
      return CannotRead(path, errno);
    }
    text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return InvalidArgument(Cat("the KMS configuration ", path, " is larger than 1 MiB"));
}

Result<Json> ParseConfig(std::string_view config_text) {
  ASSIGN_OR_RETURN(Json config, ParseJson(config_text, kConfiguration));
  return config.is_object()
             ? Result<Json>(std::move(config))
             : InvalidArgument("the KMS configuration is not a JSON object of KMS ID -> options");
}

Result<ConfigEntry> CheckEntry(Json options, std::string_view kms_id) {
  const std::string what = Cat("KMS \"", kms_id, "\"");
  if (!options.is_object()) {
    return InvalidArgument(Cat(what, " in the KMS configuration is not a JSON object of options"));
  }
  ASSIGN_OR_RETURN(std::string provider, ProviderOf(options, what));
  return ConfigEntry{
      .id = std::string(kms_id), .provider = std::move(provider), .options = std::move(options)};
}

}  // namespace

Status NoSuchEntry(std::string_view kms_id) {
  return InvalidArgument(Cat("the KMS configuration has no entry \"", kms_id,
                             "\": add it, or correct encryptionKMSID in the StorageClass"));
}

Result<ConfigEntry> FindEntry(std::string_view config_text, std::string_view kms_id) {
  ASSIGN_OR_RETURN(Json config, ParseConfig(config_text));
  const auto found = config.find(std::string(kms_id));
  return found == config.end() ? NoSuchEntry(kms_id) : CheckEntry(std::move(*found), kms_id);
}

Result<std::set<std::string>> EntryIds(std::string_view config_text) {
  ASSIGN_OR_RETURN(const Json config, ParseConfig(config_text));
  std::set<std::string> ids;
  for (const auto& [id, options] : config.items()) {
    ids.insert(id);
  }
  return ids;
}

Result<ConfigEntry> ParseEntry(std::string_view entry_text, std::string_view kms_id) {
  ASSIGN_OR_RETURN(Json options, ParseJson(entry_text, Cat("KMS \"", kms_id, "\"")));
  return CheckEntry(std::move(options), kms_id);
}

FileConfigSource::FileConfigSource(std::string path) : path_(std::move(path)) {}

Result<ConfigEntry> FileConfigSource::Find(const Context& context, std::string_view kms_id) {
  RETURN_IF_ERROR(context.Check("read the KMS configuration"));
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadFile(path_));
  if (!text.has_value()) {
    return Annotate(NoSuchEntry(kms_id), Cat(path_, " does not exist"));
  }
  Result<ConfigEntry> entry = FindEntry(*text, kms_id);
  if (!entry.ok()) {
    return Annotate(entry.status(), path_);
  }
  return entry;
}

Result<std::set<std::string>> FileConfigSource::Ids(const Context& context) {
  RETURN_IF_ERROR(context.Check("read the KMS configuration"));
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadFile(path_));
  if (!text.has_value()) {
    return std::set<std::string>();
  }
  Result<std::set<std::string>> ids = EntryIds(*text);
  return ids.ok() ? std::move(ids) : Annotate(ids.status(), path_);
}

bool FileConfigSource::IsThere() const {
  return ::access(path_.c_str(), F_OK) == 0 || errno != ENOENT;
}

}  // namespace rbdcrypt::kms
