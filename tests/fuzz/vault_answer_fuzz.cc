// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Everything vault/ reads of an answer. The first byte chooses the reader, the second the status,
// so that a corpus file serves one.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "vault/answer.h"
#include "vault/kv.h"
#include "vault/login_session.h"
#include "vault/mounts.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::array kStatuses = {200, 204, 307, 400, 403, 404, 429, 500, 503};

Answer Make(std::uint8_t status, std::string_view body) {
  net::HttpAnswer http;
  http.status = kStatuses[status % kStatuses.size()];
  http.headers.push_back({.name = "Content-Type", .value = "application/json"});
  http.body = Secret(body);
  return Answer::From(std::move(http));
}

void CheckText(const Answer& answer) {
  RBDCRYPT_CHECK(answer.text().size() <= 512);
  for (const char c : answer.text()) {
    RBDCRYPT_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  }
}

void CheckRead(const Result<KvRead>& read) {
  RBDCRYPT_CHECK(!read.ok() ||
                 (read->state == KvRead::State::kPresent) == !read->passphrase.empty());
}

void ReadMounts(const Answer& answer) {
  const Result<KvMount> mount = ParseUiMount(answer, "secret/team");
  RBDCRYPT_CHECK(!mount.ok() || ((mount->version == 1 || mount->version == 2) &&
                                 std::string_view("secret/team").starts_with(mount->path)));
  const Result<KvMount> listed = ParseMounts(answer, "secret");
  RBDCRYPT_CHECK(!listed.ok() || listed->path == "secret");
}

}  // namespace
}  // namespace rbdcrypt::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rbdcrypt::vault;
  if (size < 2) {
    return 0;
  }
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Answer answer = Make(data[1], body);
  CheckText(answer);
  switch (data[0]) {
    case '1':
      CheckRead(ParseKv1Read(answer));
      break;
    case '2':
      CheckRead(ParseKv2Read(answer));
      break;
    case 'l': {
      const auto login = ParseLogin(answer);
      RBDCRYPT_CHECK(!login.ok() || CheckToken(login->token, "").ok());
      break;
    }
    case 'm':
      ReadMounts(answer);
      break;
    default: {
      const auto written = ParseKv2Write(answer);
      RBDCRYPT_CHECK(!written.ok() || written->is_conflict || written->version > 0);
      break;
    }
  }
  return 0;
}
