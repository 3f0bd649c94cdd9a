// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "kmip/names.h"
#include "kms/names.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::int64_t kLongestSeconds = 3600;

constexpr std::array kKnownOptions = {kms::kProviderOption,
                                      kms::kProviderOptionUpper,
                                      kms::kServiceNameOption,
                                      kEndpoint,
                                      kSecretName,
                                      kTlsServerName,
                                      kReadTimeout,
                                      kWriteTimeout,
                                      kUseCryptoRpc,
                                      kTlsMinVersion,
                                      kWrapFormat,
                                      kKekCacheSeconds,
                                      kCredentialsDir};

// Reads the options of one entry; every error names the KMS ID and the option.
class OptionReader {
 public:
  explicit OptionReader(const kms::ConfigEntry& entry)
      : entry_(entry), what_(Cat("KMS \"", entry.id, "\"")) {
    options_.kms_id = entry.id;
  }

  Result<KmipOptions> Read() && {
    RETURN_IF_ERROR(CheckNames());
    RETURN_IF_ERROR(ReadEndpoints());
    RETURN_IF_ERROR(ReadTls());
    RETURN_IF_ERROR(ReadCredentials());
    ASSIGN_OR_RETURN(options_.read_timeout, Seconds(kReadTimeout, 10, 1));
    ASSIGN_OR_RETURN(options_.write_timeout, Seconds(kWriteTimeout, 10, 1));
    ASSIGN_OR_RETURN(options_.kek_cache, Seconds(kKekCacheSeconds, 0, 0));
    RETURN_IF_ERROR(ReadWrapping());
    return std::move(options_);
  }

 private:
  Status CheckNames() const {
    for (const auto& [name, unused] : entry_.options.items()) {
      if (std::ranges::find(kKnownOptions, std::string_view(name)) == kKnownOptions.end()) {
        return InvalidArgument(Cat(what_, " has the option ", name, ", which provider \"",
                                   kProvider, "\" does not know: correct or remove it, for a ",
                                   "misspelt option would silently have no effect"));
      }
    }
    return OkStatus();
  }

  Result<std::string> Text(std::string_view option, std::string_view otherwise = "") const {
    ASSIGN_OR_RETURN(const auto value, OptionalString(entry_.options, option, what_));
    return value.value_or("").empty() ? std::string(otherwise) : *value;
  }

  // The place of the value among `choices`, of which the first is the default.
  Result<std::size_t> Choice(std::string_view option,
                             const std::array<std::string_view, 2>& choices) const {
    ASSIGN_OR_RETURN(const std::string text, Text(option, choices[0]));
    if (text != choices[0] && text != choices[1]) {
      return InvalidArgument(
          Cat(what_, ".", option, " is neither \"", choices[0], "\" nor \"", choices[1], "\""));
    }
    return text == choices[0] ? 0 : 1;
  }

  Result<std::chrono::seconds> Seconds(std::string_view option,
                                       std::int64_t otherwise,
                                       std::int64_t shortest) const {
    const auto found = entry_.options.find(std::string(option));
    if (found == entry_.options.end() || found->is_null() || *found == "") {
      return std::chrono::seconds(otherwise);
    }
    const std::optional<std::int64_t> value = WholeNumber(*found);
    if (!value.has_value() || *value < shortest || *value > kLongestSeconds) {
      return InvalidArgument(Cat(what_, ".", option, " is no whole number of seconds from ",
                                 shortest, " to ", kLongestSeconds));
    }
    return std::chrono::seconds(*value);
  }

  // Go reads 10.0 as it reads 10; a text is ours.
  static std::optional<std::int64_t> WholeNumber(const Json& value) {
    if (value.is_string()) {
      const auto digits = ParseUint64(value.get_ref<const std::string&>());
      return digits.has_value() && *digits <= static_cast<std::uint64_t>(kLongestSeconds)
                 ? std::optional(static_cast<std::int64_t>(*digits))
                 : std::nullopt;
    }
    if (!value.is_number()) {
      return std::nullopt;
    }
    const double number = value.get<double>();
    const bool is_usable = number >= 0 && number <= kLongestSeconds;
    const auto whole = is_usable ? static_cast<std::int64_t>(number) : 0;
    return is_usable && static_cast<double>(whole) == number ? std::optional(whole) : std::nullopt;
  }

  Status ReadEndpoints() {
    ASSIGN_OR_RETURN(const std::string text, Text(kEndpoint));
    if (text.empty()) {
      return InvalidArgument(Cat(what_, " needs the option ", kEndpoint,
                                 ": \"host:port\", several of them separated by commas"));
    }
    Result<std::vector<net::Endpoint>> endpoints = net::ParseEndpoints(text, kDefaultPort);
    if (!endpoints.ok()) {
      return Annotate(endpoints.status(), Cat(what_, ".", kEndpoint));
    }
    options_.endpoints = *std::move(endpoints);
    return OkStatus();
  }

  Status ReadTls() {
    ASSIGN_OR_RETURN(options_.server_name, Text(kTlsServerName));
    ASSIGN_OR_RETURN(const std::size_t version, Choice(kTlsMinVersion, {"1.2", "1.3"}));
    options_.min_version = version == 0 ? net::TlsVersion::k12 : net::TlsVersion::k13;
    return OkStatus();
  }

  Status ReadCredentials() {
    ASSIGN_OR_RETURN(options_.credentials_dir, Text(kCredentialsDir));
    if (options_.credentials_dir.empty()) {
      ASSIGN_OR_RETURN(options_.secret_name, Text(kSecretName, kDefaultSecretName));
      return OkStatus();
    }
    if (!options_.credentials_dir.starts_with('/')) {
      return InvalidArgument(Cat(what_, ".", kCredentialsDir, " is no absolute path"));
    }
    if (entry_.options.contains(std::string(kSecretName))) {
      return InvalidArgument(Cat(what_, " has both ", kSecretName, " and ", kCredentialsDir,
                                 ": remove the one that is not meant"));
    }
    return OkStatus();
  }

  Status ReadWrapping() {
    ASSIGN_OR_RETURN(const std::string rpc, Text(kUseCryptoRpc));
    if (!rpc.empty()) {
      ASSIGN_OR_RETURN(const std::size_t choice, Choice(kUseCryptoRpc, {"true", "false"}));
      options_.use_crypto_rpc = choice == 0;
    }
    ASSIGN_OR_RETURN(const std::size_t format, Choice(kWrapFormat, {kCephCsiFormat, kAeadFormat}));
    options_.format = format == 0 ? WrapFormat::kCephCsi : WrapFormat::kAead;
    return OkStatus();
  }

  const kms::ConfigEntry& entry_;
  const std::string what_;
  KmipOptions options_;
};

}  // namespace

Result<KmipOptions> ParseOptions(const kms::ConfigEntry& entry) {
  return OptionReader(entry).Read();
}

}  // namespace rbdcrypt::kmip
