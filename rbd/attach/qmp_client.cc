// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qmp_client.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/secret_base64.h"
#include "base/secret_buffer.h"
#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

// How late a cancellation or a deadline may be noticed.
constexpr int kPollMilliseconds = 50;
constexpr auto kConnectPause = std::chrono::milliseconds(kPollMilliseconds);
// Whoever has not let us in, greeted or read our line by then hangs.
constexpr auto kPeerPatience = std::chrono::seconds(30);
// Opening an image may take long: librados waits 300 s for a monitor (client_mount_timeout).
constexpr auto kAnswerPatience = std::chrono::seconds(330);
// No answer to what we ask is longer; beyond it the peer is not qemu.
constexpr std::size_t kLongestMessageBytes = std::size_t{4} * 1024 * 1024;

struct Meaning {
  std::string_view text;
  Code code;
};

// The first that occurs in the text counts.
constexpr std::array<Meaning, 9> kMeanings = {{
    // A second greeting, see ReadAnswer(), came so late that it undid the negotiation.
    {"Expecting capabilities negotiation", Code::kUnavailable},
    {"encryption load fail: Operation not permitted", Code::kUnauthenticated},
    {"encryption load fail: Invalid argument", Code::kDataLoss},
    {"No such file or directory", Code::kNotFound},
    {"does not exist", Code::kNotFound},
    {"Operation not permitted", Code::kPermissionDenied},
    {"Permission denied", Code::kPermissionDenied},
    {"timed out", Code::kUnavailable},
    {"Cannot allocate memory", Code::kUnavailable},
}};

bool IsMomentary(int error) {
  return error == EINTR || error == EAGAIN;
}

bool StringAt(const Json& object, std::string_view field, std::string& out) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_string()) {
    return false;
  }
  out = found->get<std::string>();
  return true;
}

Status HungPeer() {
  return Unavailable("qemu-storage-daemon does not answer; detach the volume to end it");
}

// A listener's queue that is full would block us for as long as it does not accept, so the socket
// does not block and this asks again.
Status ConnectTo(const Context& context, int socket, const sockaddr_un& address) {
  const auto give_up = context.clock().Now() + kPeerPatience;
  while (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    if (error != EAGAIN && error != EINTR) {
      return Unavailable(Cat("connect to ", address.sun_path, ": ", std::strerror(error)));
    }
    RETURN_IF_ERROR(context.Check("connecting to qemu-storage-daemon"));
    if (context.clock().Now() >= give_up) {
      return HungPeer();
    }
    context.clock().SleepUntil(context.clock().Now() + kConnectPause);
  }
  return OkStatus();
}

Status LostConnection(int error) {
  return Unavailable(Cat("qemu-storage-daemon's monitor is gone: ",
                         error == 0 ? "it closed the connection" : std::strerror(error)));
}

}  // namespace

Status ErrorFromQemu(std::string_view command, std::string_view text) {
  Code code = Code::kInternal;
  for (const Meaning& meaning : kMeanings) {
    if (text.find(meaning.text) != std::string_view::npos) {
      code = meaning.code;
      break;
    }
  }
  return MakeStatus(code, Cat("qemu-storage-daemon refuses ", command, ": ", text));
}

QmpClient::QmpClient(UniqueFd socket) : socket_(std::move(socket)) {}

Result<QmpClient> QmpClient::Connect(const Context& context, const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return InvalidArgument(Cat("socket path ", socket_path, " is too long for a Unix socket"));
  }
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return Unavailable(Cat("make a socket: ", std::strerror(errno)));
  }
  RETURN_IF_ERROR(ConnectTo(context, socket.get(), address));
  QmpClient client(std::move(socket));
  ASSIGN_OR_RETURN(const Json greeting,
                   client.ReadMessage(context, context.clock().Now() + kPeerPatience));
  if (!greeting.contains("QMP")) {
    return Unavailable(Cat(socket_path, " does not greet as a QMP server"));
  }
  RETURN_IF_ERROR(
      client.Execute(context.WithTimeout(kPeerPatience), "qmp_capabilities", Json::object())
          .status());
  return client;
}

Result<pid_t> QmpClient::PeerPid() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return LostConnection(errno);
  }
  if (peer.uid != geteuid()) {
    return PermissionDenied(
        Cat("what listens for us as qemu-storage-daemon belongs to user ", peer.uid));
  }
  if (peer.pid == 0) {
    return Unavailable(
        "the qemu-storage-daemon is in a PID namespace that this process does not see into; the "
        "container has to share the host's (hostPID)");
  }
  return peer.pid;
}

Result<Json> QmpClient::Execute(const Context& context,
                                std::string_view command,
                                const Json& arguments) {
  RETURN_IF_ERROR(context.Check(Cat("asking qemu-storage-daemon for ", command)));
  const Json request = {{"execute", command}, {"arguments", arguments}};
  RETURN_IF_ERROR(Send(context, request.dump() + "\n"));
  ASSIGN_OR_RETURN(Json answer, ReadAnswer(context));
  if (const auto value = answer.find("return"); value != answer.end()) {
    return std::move(*value);
  }
  std::string text = "it gives no reason";
  StringAt(answer["error"], "desc", text);
  return ErrorFromQemu(command, text);
}

Status QmpClient::AddSecret(const Context& context, std::string_view id, const Secret& bytes) {
  RETURN_IF_ERROR(context.Check(Cat("giving qemu-storage-daemon the secret ", id)));
  SecretBuffer line;
  line.Append(R"({"execute":"object-add","arguments":{"qom-type":"secret","id":")");
  line.Append(id);
  line.Append(R"(","format":"base64","data":")");
  line.Append(SecretToBase64(bytes).Reveal());
  line.Append("\"}}\n");
  const Secret text = line.Take();
  RETURN_IF_ERROR(Send(context, text.RevealText()));
  ASSIGN_OR_RETURN(const Json answer, ReadAnswer(context));
  return answer.contains("return")
             ? OkStatus()
             : Internal(Cat("qemu-storage-daemon does not accept the secret ", id));
}

// Returns when the socket can be read or written, or has failed, which the next call on it tells.
Status QmpClient::WaitUntil(const Context& context, Clock::TimePoint give_up, short events) {
  while (true) {
    RETURN_IF_ERROR(context.Check("waiting for qemu-storage-daemon"));
    if (context.clock().Now() >= give_up) {
      return HungPeer();
    }
    pollfd socket{.fd = socket_.get(), .events = events, .revents = 0};
    const int ready = poll(&socket, 1, kPollMilliseconds);
    if (ready > 0) {
      return OkStatus();
    }
    if (ready < 0 && errno != EINTR) {
      return LostConnection(errno);
    }
  }
}

Status QmpClient::Send(const Context& context, std::string_view bytes) {
  const auto give_up = context.clock().Now() + kPeerPatience;
  while (!bytes.empty()) {
    RETURN_IF_ERROR(WaitUntil(context, give_up, POLLOUT));
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && !IsMomentary(errno)) {
      return LostConnection(errno);
    }
    bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  }
  return OkStatus();
}

// The next message that is no event and no greeting. QEMU 7.2 moves a monitor's socket to another
// thread while it listens already, so whoever connects in between can be greeted twice [inferred: a
// daemon's first answer was once neither a result nor an error].
Result<Json> QmpClient::ReadAnswer(const Context& context) {
  const auto give_up = context.clock().Now() + kAnswerPatience;
  while (true) {
    ASSIGN_OR_RETURN(Json message, ReadMessage(context, give_up));
    if (!message.contains("event") && !message.contains("QMP")) {
      return message;
    }
  }
}

Result<Json> QmpClient::ReadMessage(const Context& context, Clock::TimePoint give_up) {
  std::array<char, 4096> chunk{};
  std::size_t end = received_.find('\n');
  while (end == std::string::npos) {
    RETURN_IF_ERROR(WaitUntil(context, give_up, POLLIN));
    const ssize_t got = recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (got <= 0 && !(got < 0 && IsMomentary(errno))) {
      return LostConnection(got == 0 ? 0 : errno);
    }
    received_.append(chunk.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
    if (received_.size() > kLongestMessageBytes) {
      return Internal("qemu-storage-daemon's answer has no end");
    }
    end = received_.find('\n');
  }
  const std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  auto message = ParseJson(line, "answer of qemu-storage-daemon");
  if (!message.ok() || !message->is_object()) {
    return Internal("qemu-storage-daemon's answer is not a JSON object");
  }
  return message;
}

}  // namespace rbdcrypt::rbd::attach
