// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Looks through all of its own memory for secrets that went over the network and should be gone.
// The server is in a process of its own, since it keeps what it sees.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <openssl/rand.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/handle.h"
#include "net/curl_http_client.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::HttpServer;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::ServedAnswer;
using ::rbdcrypt::testing::ServedRequest;
using ::rbdcrypt::testing::TestCa;
using ::rbdcrypt::testing::TestCertificate;

constexpr std::uint8_t kMask = 0x80;

// Random letters that stand nowhere in memory but masked, until Reveal() is called.
class MaskedSecret {
 public:
  MaskedSecret() {
    RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size()));
    for (std::uint8_t& byte : bytes_) {
      byte = static_cast<std::uint8_t>(('a' + byte % 26) ^ kMask);
    }
  }

  // What the server makes of it for its answer: each letter's other case.
  MaskedSecret InUpperCase() const {
    MaskedSecret other = *this;
    for (std::uint8_t& byte : other.bytes_) {
      byte ^= 0x20;
    }
    return other;
  }

  Secret Reveal() const {
    Secret secret(bytes_.size());
    std::transform(bytes_.begin(), bytes_.end(), secret.MutableBytes().begin(),
                   [](std::uint8_t byte) { return static_cast<std::byte>(byte ^ kMask); });
    return secret;
  }

  // How often it stands from `begin` to `end`, or its first half does: what is wiped in part was
  // not wiped.
  __attribute__((no_sanitize("address", "thread", "undefined"))) int CountIn(
      const volatile std::uint8_t* begin, const volatile std::uint8_t* end) const {
    const std::size_t length = bytes_.size() / 2;
    int count = 0;
    for (const volatile std::uint8_t* at = begin; at + length <= end; ++at) {
      std::size_t same = 0;
      while (same < length && (at[same] ^ kMask) == bytes_.data()[same]) {
        ++same;
      }
      count += same == length;
    }
    return count;
  }

  // How often it stands in the writable memory of this process. Larger mappings than any of ours
  // are those of sanitizers.
  int CountInMemory() const {
    constexpr std::uintptr_t kLargestBytes = std::uintptr_t{128} << 20;
    const CHandle<std::FILE, std::fclose> maps(std::fopen("/proc/self/maps", "re"));
    int count = 0;
    std::array<char, 512> line;
    while (std::fgets(line.data(), line.size(), maps.get()) != nullptr) {
      std::uintptr_t begin = 0;
      std::uintptr_t end = 0;
      std::array<char, 5> mode = {};
      const int fields = std::sscanf(line.data(), "%lx-%lx %4s", &begin, &end, mode.data());
      if (fields == 3 && mode[0] == 'r' && mode[1] == 'w' && end - begin <= kLargestBytes) {
        count += CountIn(reinterpret_cast<const volatile std::uint8_t*>(begin),
                         reinterpret_cast<const volatile std::uint8_t*>(end));
      }
    }
    return count;
  }

 private:
  std::array<std::uint8_t, 24> bytes_;
};

// A server in a child process, which ends with this object.
class ServerProcess {
 public:
  explicit ServerProcess(std::optional<HttpServer::Tls> tls) {
    std::array<int, 2> to_child;
    std::array<int, 2> from_child;
    EXPECT_EQ(::pipe(to_child.data()), 0);
    EXPECT_EQ(::pipe(from_child.data()), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(to_child[1]);
      Serve(std::move(tls), to_child[0], from_child[1]);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    leash_.Reset(to_child[1]);
    const UniqueFd answer(from_child[0]);
    EXPECT_EQ(::read(answer.get(), &port_, sizeof port_), static_cast<ssize_t>(sizeof port_));
  }

  ~ServerProcess() {
    leash_.Reset();
    ::waitpid(child_, nullptr, 0);
  }

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  [[noreturn]] static void Serve(std::optional<HttpServer::Tls> tls, int leash, int out) {
    const HttpServer server(
        [](const ServedRequest& request) {
          std::string answer = request.Find("X-Vault-Token") + request.body;
          for (char& letter : answer) {
            letter = static_cast<char>(letter ^ 0x20);
          }
          return ServedAnswer{.body = answer};
        },
        std::move(tls));
    const std::uint16_t port = server.Address().port;
    // Tells the port, and waits until the other end of the leash is closed.
    char byte = 0;
    const bool is_done = ::write(out, &port, sizeof port) != static_cast<ssize_t>(sizeof port) ||
                         ::read(leash, &byte, 1) <= 0;
    ::_exit(is_done ? 0 : 1);
  }

  pid_t child_ = -1;
  UniqueFd leash_;
  std::uint16_t port_ = 0;
};

class CurlSecretsTest : public ::testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Schemes, CurlSecretsTest, ::testing::Values("http", "https"));

TEST_P(CurlSecretsTest, NothingIsLeftOfASecretThatWasSentOrReceived) {
  InitSecretHeap();
  const TestCa ca;
  std::optional<HttpServer::Tls> tls;
  if (GetParam() == "https") {
    tls = {.certificate = ca.Issue({.names = {"IP:127.0.0.1"}})};
  }
  const ServerProcess server(std::move(tls));
  const MaskedSecret token;
  const MaskedSecret key;
  ASSERT_OK_AND_ASSIGN(
      auto client,
      CurlHttpClient::New({.scheme = GetParam(), .host = "127.0.0.1", .port = server.port()},
                          {.tls = {.ca_pem = ca.certificate_pem()}}));
  {
    HttpRequest request = {.method = "POST", .body = key.Reveal()};
    request.secret_headers.push_back({.name = "X-Vault-Token", .value = token.Reveal()});
    const auto answer = client->Send(Context::Background(), request);
    ASSERT_THAT(answer, IsOk());
    ASSERT_EQ(answer->body.size(), 48U);
    // Or the search finds nothing because it does not work.
    EXPECT_EQ(token.CountInMemory(), 1);
    EXPECT_EQ(key.CountInMemory(), 1);
    EXPECT_EQ(token.InUpperCase().CountInMemory(), 1);
    EXPECT_EQ(key.InUpperCase().CountInMemory(), 1);
  }
  // The connection is still open.
  for (const MaskedSecret& secret : {token, key, token.InUpperCase(), key.InUpperCase()}) {
    EXPECT_EQ(secret.CountInMemory(), 0);
  }
}

}  // namespace
}  // namespace rbdcrypt::net
