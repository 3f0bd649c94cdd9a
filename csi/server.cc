// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/server.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::csi {
namespace {

constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr mode_t kSocketMode = 0660;

// Kubelet and sidecars keep one connection each; a memory quota would be theirs to exhaust.
constexpr int kMaxConcurrentStreams = 256;

// Whether somebody accepts connections there; an error only where that cannot be told.
Result<bool> IsAnswered(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return FromErrno(errno, "make a socket");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return true;
  }
  const int error = errno;
  if (error == ECONNREFUSED || error == ENOENT) {
    return false;
  }
  // A full queue is somebody, too.
  return error == EAGAIN ? Result<bool>(true) : FromErrno(error, Cat("connect to ", path));
}

Status RemoveStaleSocket(const std::string& path) {
  struct stat info {};

  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? OkStatus() : FromErrno(errno, Cat("look at ", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return FailedPrecondition(Cat("endpoint: ", path, " is there and no socket; remove it"));
  }
  ASSIGN_OR_RETURN(const bool is_answered, IsAnswered(path));
  if (is_answered) {
    return FailedPrecondition(
        Cat("endpoint: another process listens at ", path, "; stop it or use another path"));
  }
  return ::unlink(path.c_str()) == 0 || errno == ENOENT
             ? OkStatus()
             : FromErrno(errno, Cat("remove socket ", path));
}

}  // namespace

Result<std::string> SocketPath(const std::string& endpoint) {
  std::string_view path = endpoint;
  if (path.starts_with("unix://")) {
    path.remove_prefix(std::string_view("unix://").size());
  } else if (path.starts_with("unix:")) {
    path.remove_prefix(std::string_view("unix:").size());
  }
  if (!path.starts_with('/')) {
    return InvalidArgument(
        Cat("endpoint: \"", endpoint, "\" is no absolute path of a Unix socket (unix:///path)"));
  }
  if (path.size() > kMaxSocketPathBytes || path.find('\0') != std::string_view::npos) {
    return InvalidArgument(
        Cat("endpoint: a socket's path has at most ", kMaxSocketPathBytes, " bytes"));
  }
  return std::string(path);
}

Result<std::unique_ptr<Server>> Server::Start(const std::string& endpoint,
                                              const std::vector<grpc::Service*>& services) {
  ASSIGN_OR_RETURN(std::string path, SocketPath(endpoint));
  RETURN_IF_ERROR(RemoveStaleSocket(path));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(Cat("unix:", path), grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  // Two servers on one path would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  for (grpc::Service* service : services) {
    builder.RegisterService(service);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return Unavailable(Cat("endpoint: cannot listen at ", path));
  }
  auto result = std::unique_ptr<Server>(new Server(std::move(path), std::move(server)));
  if (::chmod(result->path().c_str(), kSocketMode) != 0) {
    return FromErrno(errno, Cat("set the mode of ", result->path()));
  }
  return result;
}

Server::Server(std::string path, std::unique_ptr<grpc::Server> server)
    : path_(std::move(path)), server_(std::move(server)) {}

Server::~Server() {
  Stop(kStopGrace);
}

void Server::Stop(std::chrono::nanoseconds grace) {
  if (server_ == nullptr) {
    return;
  }
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::duration_cast<std::chrono::system_clock::duration>(grace));
  server_->Wait();
  server_.reset();
  ::unlink(path_.c_str());
}

}  // namespace rbdcrypt::csi
