// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/strings.h"
#include "net/resolve.h"

namespace rbdcrypt::net {
namespace {

constexpr std::chrono::milliseconds kSlice(100);

// Until the context is to be asked again.
int SliceMilliseconds(const Context& context) {
  const auto left = std::min<std::chrono::nanoseconds>(context.TimeLeft(), kSlice);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

std::string AddressText(const addrinfo& address) {
  std::array<char, NI_MAXHOST> text = {};
  ::getnameinfo(address.ai_addr, address.ai_addrlen, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
  return text.data();
}

void SetOptions(int socket) {
  const int on = 1;
  // Requests are written whole, so there is nothing to wait for. Neither is needed to work.
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

Status Finish(const Context& context, int socket, std::string_view next) {
  RETURN_IF_ERROR(AwaitSocket(context, socket, POLLOUT, next));
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? OkStatus() : FromErrno(error, next);
}

Result<UniqueFd> ConnectToAddress(const Context& context, const addrinfo& address) {
  const std::string text = AddressText(address);
  RETURN_IF_ERROR(context.Check(text));
  UniqueFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return FromErrno(errno, text);
  }
  SetOptions(socket.get());
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) {
      return FromErrno(errno, text);
    }
    RETURN_IF_ERROR(Finish(context, socket.get(), text));
  }
  return socket;
}

int CountFrom(const addrinfo* address) {
  int count = 0;
  for (; address != nullptr; address = address->ai_next) {
    ++count;
  }
  return count;
}

// A share of the time that is left for `count` addresses.
Context Share(const Context& context, int count) {
  const auto left = context.TimeLeft();
  return left == std::chrono::nanoseconds::max() ? context : context.WithTimeout(left / count);
}

}  // namespace

Status AwaitSocket(const Context& context, int socket, short events, std::string_view next) {
  for (;;) {
    RETURN_IF_ERROR(context.Check(next));
    pollfd waiter = {.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&waiter, 1, SliceMilliseconds(context));
    if (ready > 0) {
      return OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return Unavailable(Message(FromErrno(errno, next)));
    }
  }
}

Result<UniqueFd> ConnectTo(const Context& context, const Endpoint& endpoint) {
  ASSIGN_OR_RETURN(const AddressList addresses, Resolve(context, endpoint));
  return ConnectToAny(context, addresses.get(), endpoint.Text());
}

Result<UniqueFd> ConnectToAny(const Context& context,
                              const addrinfo* addresses,
                              std::string_view text) {
  const std::string next = Cat("a connection to ", text);
  std::vector<std::string> failures;
  for (const addrinfo* address = addresses; address != nullptr; address = address->ai_next) {
    auto socket = ConnectToAddress(Share(context, CountFrom(address)), *address);
    if (socket.ok()) {
      return socket;
    }
    RETURN_IF_ERROR(context.Check(next));
    failures.push_back(Message(socket.status()));
  }
  return Unavailable(Cat(text, ": no connection (", Join(failures, "; "),
                         "): is the server up, and does the network let this through?"));
}

}  // namespace rbdcrypt::net
