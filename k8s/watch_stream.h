// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_error.h"
#include "k8s/client.h"
#include "net/body_buffer.h"

namespace rbdcrypt::k8s {

// The longest event that is taken. An object has at most 1.5 MiB in etcd, as protobuf or compact
// JSON; escapes and managedFields make more of it.
inline constexpr std::size_t kMaxEventBytes = 16U << 20;

// Cuts a stream into lines: bytes in, lines out. Sans-I/O.
class LineSplitter {
 public:
  // `is_public`: no line holds a secret.
  LineSplitter(std::size_t max_bytes, bool is_public) : max_bytes_(max_bytes), rest_(is_public) {}

  // Calls `line` for each line that is complete with these bytes, without its "\n"; its error ends
  // it and is returned. kInternal: a line is longer than allowed. After an error: not to be used.
  Status Feed(std::span<const std::byte> bytes,
              const std::function<Status(std::string_view line)>& line);

 private:
  const std::size_t max_bytes_;
  // The beginning of a line.
  net::BodyBuffer rest_;
};

// Decodes the stream of a watch: one JSON object {"type": …, "object": …} a line (Kubernetes, "API
// Concepts", efficient detection of changes). Sans-I/O; one stream per object, one thread.
class WatchDecoder {
 public:
  // `call` names the watch in errors. `identity_only` as Selection's.
  WatchDecoder(ApiCall call, bool identity_only)
      : call_(std::move(call)),
        identity_only_(identity_only),
        lines_(kMaxEventBytes, !IsSecrets(call_.resource)) {}

  // Gives `sink` each event that is complete with these bytes; its error ends it and is returned.
  // Unknown types of events are skipped. An event ERROR becomes its error (kOutOfRange: 410).
  // kInternal: no such stream; the text never repeats it.
  Status Feed(std::span<const std::byte> bytes,
              const std::function<Status(WatchEvent event)>& sink);

 private:
  Status TakeLine(std::string_view line, const std::function<Status(WatchEvent event)>& sink);
  Result<std::pair<std::string, Json>> ReadLine(std::string_view line) const;

  const ApiCall call_;
  const bool identity_only_;
  LineSplitter lines_;
};

// Of one object's text what Selection::identity_only promises. kInternal: no object, or without
// metadata. `text` is read in place (base/secret_json).
Result<Json> IdentityOf(std::string_view text);

}  // namespace rbdcrypt::k8s
