// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// The stream of a Kubernetes watch. The first byte says in pieces of which size the rest comes, and
// whether identities alone are wanted. Pieces must not matter.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "k8s/watch_stream.h"

namespace rbdcrypt::k8s {
namespace {

struct Outcome {
  std::vector<std::string> events;
  Code code = Code::kOk;

  bool operator==(const Outcome&) const = default;
};

Outcome Decode(std::span<const std::byte> bytes, std::size_t piece, bool identity_only) {
  WatchDecoder decoder({.verb = "watch", .resource = kConfigMaps, .name = {}, .part = ""},
                       identity_only);
  Outcome outcome;
  while (!bytes.empty() && outcome.code == Code::kOk) {
    const auto now = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(now.size());
    const Status status = decoder.Feed(now, [&](const WatchEvent& event) {
      RBDCRYPT_CHECK(event.object.is_object());
      outcome.events.push_back(std::to_string(static_cast<int>(event.type)) + event.object.dump());
      return OkStatus();
    });
    outcome.code = status.code();
  }
  return outcome;
}

}  // namespace
}  // namespace rbdcrypt::k8s

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const bool identity_only = (data[0] & 0x80U) != 0;
  const std::size_t piece = (data[0] & 0x7FU) + 1U;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  RBDCRYPT_CHECK(rbdcrypt::k8s::Decode(bytes, piece, identity_only) ==
                 rbdcrypt::k8s::Decode(bytes, bytes.size(), identity_only));
  return 0;
}
