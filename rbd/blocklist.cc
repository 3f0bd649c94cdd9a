// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/blocklist.h"

#include <cerrno>

#include <rados/librados.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/client_address.h"

namespace rbdcrypt::rbd {
namespace {

// Plain text, since the JSON of 16.2 is two documents one after the other.
constexpr char kCommand[] = R"({"prefix": "osd blocklist ls"})";

}  // namespace

ClientAddresses ParseBlocklist(std::string_view text) {
  ClientAddresses addresses;
  for (const std::string& line : Split(text, '\n')) {
    const std::string_view word = std::string_view(line).substr(0, line.find(' '));
    if (word.starts_with("cidr:")) {
      continue;
    }
    if (std::string address = ParseClientAddress(word); !address.empty()) {
      addresses.insert(std::move(address));
    }
  }
  return addresses;
}

Result<ClientAddresses> ListBlocklist(RadosClient& client) {
  const char* command = kCommand;
  char* output = nullptr;
  char* text = nullptr;
  std::size_t output_size = 0;
  std::size_t text_size = 0;
  const int result = rados_mon_command(client.handle(), &command, 1, "", 0, &output, &output_size,
                                       &text, &text_size);
  const CHandle<char, rados_buffer_free> output_owned(output);
  const CHandle<char, rados_buffer_free> text_owned(text);
  if (result == -EACCES || result == -EPERM) {
    return ClientAddresses();
  }
  if (result != 0) {
    return client.Error(result, "list the blocklist");
  }
  return ParseBlocklist(std::string_view(output == nullptr ? "" : output, output_size));
}

}  // namespace rbdcrypt::rbd
