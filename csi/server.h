// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/server.h>
#include <grpcpp/support/config.h>

#include "base/status.h"

namespace rbdcrypt::csi {

// Largest request that is read. CSI's are a few KiB; Secrets may hold certificates.
inline constexpr int kMaxRequestBytes = 4 * 1024 * 1024;

// How long a stop waits for calls in flight before it cancels them; after that they end at their
// next check of the context.
inline constexpr std::chrono::seconds kStopGrace{20};

// A gRPC server on one Unix socket, and nothing else: no TCP, no reflection.
//
//   ASSIGN_OR_RETURN(auto server, Server::Start("unix:///csi/csi.sock", {&identity, &node}));
//   …
//   server->Stop(kStopGrace);
class Server {
 public:
  // Listens at `endpoint` ("unix:///absolute/path", "unix:/absolute/path" or the path), file mode
  // 0660. A socket that nobody answers at is what a killed process left: removed. The services must
  // outlive the result.
  // kInvalidArgument: not such an endpoint. kFailedPrecondition: somebody answers there, or there
  // is something that is no socket; neither is touched. kUnavailable: gRPC cannot listen.
  static Result<std::unique_ptr<Server>> Start(const std::string& endpoint,
                                               const std::vector<grpc::Service*>& services);

  // As Stop(kStopGrace).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes no new calls, lets those in flight end, cancels them after `grace`, returns when all have
  // ended, and removes the socket. May be called again.
  void Stop(std::chrono::nanoseconds grace);

  const std::string& path() const { return path_; }

 private:
  Server(std::string path, std::unique_ptr<grpc::Server> server);

  const std::string path_;
  std::unique_ptr<grpc::Server> server_;
};

// The path of an endpoint. kInvalidArgument: another scheme, a relative path, or one that does not
// fit a socket address (107 bytes, unix(7)).
Result<std::string> SocketPath(const std::string& endpoint);

}  // namespace rbdcrypt::csi
