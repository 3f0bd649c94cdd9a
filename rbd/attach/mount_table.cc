// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/mount_table.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/strings.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

bool IsOctal(char character) {
  return character >= '0' && character <= '7';
}

// Blank, tab, line feed and backslash come as "\040" and the like.
std::string Unescape(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_escape = text[at] == '\\' && at + 3 < text.size() && IsOctal(text[at + 1]) &&
                           IsOctal(text[at + 2]) && IsOctal(text[at + 3]);
    if (!is_escape) {
      out.push_back(text[at]);
      continue;
    }
    const int value = (text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0');
    out.push_back(static_cast<char>(value));
    at += 3;
  }
  return out;
}

// "36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
std::optional<MountEntry> ParseLine(std::string_view line) {
  const auto fields = Split(line, ' ');
  const auto separator = std::ranges::find(fields, "-");
  if (separator - fields.begin() < 6 || fields.end() - separator < 4) {
    return std::nullopt;
  }
  return MountEntry{.device_number = fields[2],
                    .root = Unescape(fields[3]),
                    .mount_point = Unescape(fields[4]),
                    .options = Split(fields[5], ','),
                    .type = Unescape(separator[1]),
                    .source = Unescape(separator[2]),
                    .super_options = Split(separator[3], ',')};
}

}  // namespace

bool MountEntry::IsReadOnly() const {
  return std::ranges::count(options, "ro") > 0 || std::ranges::count(super_options, "ro") > 0;
}

MountTable MountTable::Parse(std::string_view mountinfo) {
  MountTable table;
  for (const std::string& line : Split(mountinfo, '\n')) {
    if (auto entry = ParseLine(line)) {
      table.entries_.push_back(*std::move(entry));
    }
  }
  return table;
}

Result<MountTable> MountTable::Load() {
  const auto text = ReadFile("/proc/self/mountinfo");
  if (!text.ok()) {
    return Unavailable(Message(text.status()));
  }
  return Parse(*text);
}

std::optional<MountEntry> MountTable::At(std::string_view path) const {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [&](const MountEntry& entry) {
    return entry.mount_point == path;
  });
  return found == entries_.rend() ? std::nullopt : std::optional(*found);
}

std::vector<MountEntry> MountTable::Of(std::string_view device) const {
  std::vector<MountEntry> mounts;
  std::ranges::copy_if(entries_, std::back_inserter(mounts),
                       [&](const MountEntry& entry) { return entry.source == device; });
  return mounts;
}

}  // namespace rbdcrypt::rbd::attach
