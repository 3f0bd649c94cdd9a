// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/socket.h"

#include <array>
#include <initializer_list>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/fakes/loopback_server.h"
#include "tests/net/full_listener.h"
#include "tests/net/tls_world.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::FakeClock;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::LoopbackServer;
using ::rbdcrypt::testing::StatusIs;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Addresses of this machine, as getaddrinfo() would give them.
class Addresses {
 public:
  struct Address {
    std::uint32_t host = INADDR_LOOPBACK;
    std::uint16_t port = 0;
  };

  Addresses(std::initializer_list<Address> addresses) {
    std::size_t count = 0;
    for (const Address& address : addresses) {
      sockaddr_in& target = targets_[count];
      target.sin_family = AF_INET;
      target.sin_addr.s_addr = htonl(address.host);
      target.sin_port = htons(address.port);
      addrinfo& info = list_[count];
      info.ai_family = AF_INET;
      info.ai_addr = reinterpret_cast<sockaddr*>(&target);
      info.ai_addrlen = sizeof target;
      if (count > 0) {
        list_[count - 1].ai_next = &info;
      }
      ++count;
    }
  }

  Addresses(const Addresses&) = delete;
  Addresses& operator=(const Addresses&) = delete;

  const addrinfo* get() const { return list_.data(); }

 private:
  std::array<sockaddr_in, 3> targets_ = {};
  std::array<addrinfo, 3> list_ = {};
};

void Drain(int fd, int) {
  char byte;
  while (::recv(fd, &byte, 1, 0) > 0) {
  }
}

TEST(SocketTest, ItsConnectionsAreNonBlockingAndOfThisProcessAlone) {
  const LoopbackServer server(Drain);
  const auto socket = ConnectTo(Within(kLong), {.host = "127.0.0.1", .port = server.port()});
  ASSERT_THAT(socket, IsOk());
  EXPECT_NE(::fcntl(socket->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC, 0);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  ASSERT_EQ(::getsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_NE(no_delay, 0);
}

TEST(SocketTest, TriesOneAddressAfterTheOther) {
  const LoopbackServer server(Drain);
  const FullListener full;
  // Nobody listens on 127.0.0.9; the second does not answer.
  const Addresses addresses = {{INADDR_LOOPBACK + 8, server.port()},
                               {INADDR_LOOPBACK, full.port()},
                               {INADDR_LOOPBACK, server.port()}};
  FakeClock clock;
  const Context context =
      PassingWhenAsked(clock, std::chrono::seconds(5), std::chrono::seconds(60));
  EXPECT_THAT(ConnectToAny(context, addresses.get(), "kmip:1"), IsOk());
}

TEST(SocketTest, SaysWhatEachAddressSaid) {
  const LoopbackServer server(Drain);
  const Addresses addresses = {{INADDR_LOOPBACK + 8, server.port()},
                               {INADDR_LOOPBACK + 9, server.port()}};
  EXPECT_THAT(ConnectToAny(Within(kLong), addresses.get(), "kmip:1"),
              StatusIs(Code::kUnavailable,
                       AllOf(HasSubstr("kmip:1: "), HasSubstr("127.0.0.9: Connection refused"),
                             HasSubstr("127.0.0.10: Connection refused"))));
}

TEST(SocketTest, EndsByTheDeadlineThoughAddressesAreLeft) {
  const FullListener full;
  const Addresses addresses = {{INADDR_LOOPBACK, full.port()},
                               {INADDR_LOOPBACK, full.port()},
                               {INADDR_LOOPBACK, full.port()}};
  const Stopwatch watch;
  EXPECT_THAT(ConnectToAny(Within(milliseconds(150)), addresses.get(), "kmip:1"),
              StatusIs(Code::kDeadlineExceeded, HasSubstr("kmip:1")));
  EXPECT_THAT(ConnectToAny(CancelledAfter(2), addresses.get(), "kmip:1"),
              StatusIs(Code::kCancelled));
  EXPECT_LT(watch.Elapsed(), kLong);
}

// The context is asked at least ten times a second while nothing happens.
TEST(SocketTest, CancellationIsSeenSoon) {
  const LoopbackServer server(Drain);
  ASSERT_OK_AND_ASSIGN(const UniqueFd socket,
                       ConnectTo(Within(kLong), {.host = "127.0.0.1", .port = server.port()}));
  int asked = 0;
  const Context context({.is_cancelled = [&asked] { return ++asked > 4; }});
  const Stopwatch watch;
  EXPECT_THAT(AwaitSocket(context, socket.get(), POLLIN, "an answer"),
              StatusIs(Code::kCancelled, HasSubstr("an answer")));
  EXPECT_EQ(asked, 5);
  EXPECT_GE(watch.Elapsed(), milliseconds(350));
  EXPECT_LT(watch.Elapsed(), std::chrono::seconds(10));
}

}  // namespace
}  // namespace rbdcrypt::net
