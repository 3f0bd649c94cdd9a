// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/map_options.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char character) {
    return static_cast<char>(std::tolower(character));
  });
  return lower;
}

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char character) { return std::isgraph(character) != 0; });
}

}  // namespace

std::string MapOptions::For(std::string_view attacher) const {
  if (attacher == "krbd") {
    return krbd;
  }
  return attacher == "nbd" || attacher == "rbd-nbd" ? nbd : "";
}

Result<MapOptions> ParseMapOptions(std::string_view parameter, std::string_view text) {
  MapOptions options;
  for (const std::string& piece : Split(text, ';')) {
    const std::string_view part = Trim(piece);
    if (part.empty()) {
      continue;
    }
    const std::size_t colon = part.find(':');
    const bool has_prefix = colon != std::string_view::npos;
    const std::string mapper = has_prefix ? LowerCase(Trim(part.substr(0, colon))) : "krbd";
    const std::string_view value = has_prefix ? Trim(part.substr(colon + 1)) : part;
    if (mapper != "krbd" && mapper != "nbd") {
      return InvalidArgument(
          Cat(parameter, ": \"", mapper, "\" is no mapper; write krbd:OPTIONS;nbd:OPTIONS"));
    }
    if (!IsPlain(value)) {
      return InvalidArgument(Cat(parameter, ": white space or control characters in an option"));
    }
    (mapper == "krbd" ? options.krbd : options.nbd) = value;
  }
  return options;
}

}  // namespace rbdcrypt::csi
