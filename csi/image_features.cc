// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/image_features.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "csi/names.h"

namespace rbdcrypt::csi {
namespace {

// Bits of librbd's features.h.
struct Feature {
  std::string_view name;
  std::uint64_t bit;
  std::string_view needs;
};

constexpr std::array<Feature, 6> kFeatures = {{
    {"layering", 1, ""},
    {"exclusive-lock", 4, ""},
    {"object-map", 8, "exclusive-lock"},
    {"fast-diff", 16, "object-map"},
    {"deep-flatten", 32, ""},
    {"journaling", 64, "exclusive-lock"},
}};

const Feature* FindFeature(std::string_view name) {
  const auto* found = std::find_if(kFeatures.begin(), kFeatures.end(),
                                   [&](const Feature& feature) { return feature.name == name; });
  return found == kFeatures.end() ? nullptr : found;
}

Status CheckNeeds(std::uint64_t bits, std::string_view mounter) {
  for (const Feature& feature : kFeatures) {
    if ((bits & feature.bit) == 0 || feature.needs.empty()) {
      continue;
    }
    if ((bits & FindFeature(feature.needs)->bit) == 0) {
      return InvalidArgument(
          Cat(kImageFeaturesParameter, ": ", feature.name, " needs ", feature.needs));
    }
    if (feature.name == "journaling" && mounter != "rbd-nbd") {
      return InvalidArgument(
          Cat(kImageFeaturesParameter, ": journaling needs ", kMounterParameter, " rbd-nbd"));
    }
  }
  return OkStatus();
}

}  // namespace

Result<std::uint64_t> ParseImageFeatures(std::string_view text, std::string_view mounter) {
  std::uint64_t bits = 0;
  for (const std::string& name : Split(text, ',')) {
    const Feature* feature = FindFeature(Trim(name));
    if (feature == nullptr) {
      return InvalidArgument(Cat(kImageFeaturesParameter, ": \"", name, "\" is no image feature"));
    }
    bits |= feature->bit;
  }
  RETURN_IF_ERROR(CheckNeeds(bits, mounter));
  return bits;
}

}  // namespace rbdcrypt::csi
