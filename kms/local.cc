// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/local.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "kms/local_ring_cache.h"
#include "kms/names.h"

namespace rbdcrypt::kms {
namespace {

constexpr std::array kKnownOptions = {
    kProviderOption,          kProviderOptionUpper,       kServiceNameOption,
    kLocalKeyFileOption,      kLocalKeyFileOptionUpper,   kLocalKeyBitsOption,
    kLocalKeyBitsOptionUpper, kLocalDekBitsOption,        kLocalDekBitsOptionUpper,
    kCreateIfMissingOption,   kCreateIfMissingOptionUpper};

struct Options {
  std::string id;
  std::string path;
  int key_bits = 256;
  int dek_bits = 256;
  bool create_if_missing = false;
};

// Reads the options of one entry; every error names the KMS ID and the option.
class OptionReader {
 public:
  explicit OptionReader(const ConfigEntry& entry)
      : entry_(entry), what_(Cat("KMS \"", entry.id, "\"")) {}

  Result<Options> Read() const {
    RETURN_IF_ERROR(CheckNames());
    Options options{.id = entry_.id, .path = {}};
    ASSIGN_OR_RETURN(options.path, Text(kLocalKeyFileOption, kLocalKeyFileOptionUpper, ""));
    if (!options.path.starts_with('/')) {
      return InvalidArgument(Cat(what_, " needs the option ", kLocalKeyFileOption,
                                 ": the absolute path of its key ring"));
    }
    ASSIGN_OR_RETURN(options.key_bits, Bits(kLocalKeyBitsOption, kLocalKeyBitsOptionUpper));
    ASSIGN_OR_RETURN(options.dek_bits, Bits(kLocalDekBitsOption, kLocalDekBitsOptionUpper));
    ASSIGN_OR_RETURN(const std::string create,
                     Text(kCreateIfMissingOption, kCreateIfMissingOptionUpper, "false"));
    if (create != "true" && create != "false") {
      return InvalidArgument(Cat(what_, ".", kCreateIfMissingOption,
                                 " is neither \"true\" nor "
                                 "\"false\""));
    }
    options.create_if_missing = create == "true";
    return options;
  }

 private:
  Status CheckNames() const {
    for (const auto& [name, unused] : entry_.options.items()) {
      if (std::ranges::find(kKnownOptions, std::string_view(name)) == kKnownOptions.end()) {
        return InvalidArgument(Cat(what_, " has the option ", name, ", which provider \"",
                                   kLocalProvider, "\" does not know: correct or remove it"));
      }
    }
    return OkStatus();
  }

  Result<std::string> Text(std::string_view option,
                           std::string_view upper,
                           std::string_view otherwise) const {
    for (const std::string_view name : {option, upper}) {
      ASSIGN_OR_RETURN(const auto value, OptionalString(entry_.options, name, what_));
      if (value.has_value()) {
        return *value;
      }
    }
    return std::string(otherwise);
  }

  Result<int> Bits(std::string_view option, std::string_view upper) const {
    ASSIGN_OR_RETURN(const std::string text, Text(option, upper, "256"));
    for (const int bits : {128, 192, 256}) {
      if (text == std::to_string(bits)) {
        return bits;
      }
    }
    return InvalidArgument(Cat(what_, ".", option, " is not \"128\", \"192\" or \"256\""));
  }

  const ConfigEntry& entry_;
  const std::string what_;
};

class LocalKms final : public Kms, public DekWrapper {
 public:
  LocalKms(Options options, std::shared_ptr<LocalRingCache> rings)
      : options_(std::move(options)), rings_(std::move(rings)) {}

  const std::string& id() const override { return options_.id; }

  std::string_view provider() const override { return kLocalProvider; }

  std::size_t dek_bytes() const override { return static_cast<std::size_t>(options_.dek_bits) / 8; }

  DekWrapper* wrapper() override { return this; }

  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override {
    RETURN_IF_ERROR(context.Check("wrap a DEK"));
    Result<std::shared_ptr<const LocalRing>> ring = RingForWrapping(context);
    if (!ring.ok()) {
      return Annotate(ring.status(), Step("wrap", volume_id));
    }
    Result<std::string> wrapped = (*ring)->Wrap(volume_id, dek);
    if (!wrapped.ok()) {
      return Annotate(wrapped.status(), Step("wrap", volume_id));
    }
    return wrapped;
  }

  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override {
    RETURN_IF_ERROR(context.Check("unwrap a DEK"));
    Result<std::shared_ptr<const LocalRing>> ring = rings_->Get(options_.path);
    if (!ring.ok()) {
      return Annotate(ring.status(), Step("unwrap", volume_id));
    }
    Result<Secret> dek = (*ring)->Unwrap(volume_id, wrapped);
    if (!dek.ok()) {
      return Annotate(dek.status(), Step("unwrap", volume_id));
    }
    return dek;
  }

 private:
  Result<std::shared_ptr<const LocalRing>> RingForWrapping(const Context& context) {
    if (options_.create_if_missing &&
        StampRingFile(options_.path).status().code() == Code::kUnavailable) {
      const Status created =
          CreateRingFile(options_.path, options_.key_bits, context.clock().Wall());
      if (!created.ok() && created.code() != Code::kAlreadyExists) {
        return created;
      }
    }
    return rings_->Get(options_.path);
  }

  std::string Step(std::string_view verb, std::string_view volume_id) const {
    return Cat(verb, " the DEK of volume ", volume_id, " with KMS \"", options_.id, "\"");
  }

  const Options options_;
  const std::shared_ptr<LocalRingCache> rings_;
};

}  // namespace

ProviderFactory LocalProvider() {
  return [rings = std::make_shared<LocalRingCache>()](
             const Context& /*context*/, const ConfigEntry& entry,
             const KmsRequest& /*request*/) -> Result<std::shared_ptr<Kms>> {
    ASSIGN_OR_RETURN(Options options, OptionReader(entry).Read());
    return std::make_shared<LocalKms>(std::move(options), rings);
  };
}

}  // namespace rbdcrypt::kms
