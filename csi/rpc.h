// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/keyed_lock.h"
#include "base/metrics.h"
#include "base/status.h"

namespace rbdcrypt::csi {

// How a call stands at the door when many run.
enum class Admission {
  // Probe and capabilities: always let in, they are quick and the pod's health hangs on them.
  kAlways,
  // Unpublish, unstage and publish: may also use the reserve, so that a node full of stages that
  // wait for a key manager still lets volumes go.
  kQuick,
  // Everything else.
  kWork,
};

// What the door needs to know of a call.
struct Call {
  std::string_view method;
  Admission admission = Admission::kWork;
  // Of two calls with one key the second is kAborted; "" locks nothing. Volume IDs and request
  // names live in one space: VolumeKey(), NameKey().
  std::string lock_key = {};
};

std::string VolumeKey(std::string_view volume_id);
std::string NameKey(std::string_view request_name);

// The door every RPC passes: request ID, admission, lock of the volume, deadline and cancellation
// as a Context, metric, one line of log, Status to gRPC's.
//
//   return door_.Pass(*server, {"DeleteVolume", Admission::kWork, VolumeKey(request->volume_id())},
//                     *request, [&](const Context& context) { return Delete(context, *request); });
//
// Too many calls and a volume in use answer ABORTED, which every sidecar repeats; a thread cap of
// gRPC's own would answer RESOURCE_EXHAUSTED, which they take as final. Thread safe.
class Door {
 public:
  struct Options {
    // Calls at work at once. Each holds a thread, and stages also a KDF's memory (safety E5).
    int max_calls = 32;
    // Beside them, for kQuick.
    int reserve = 16;
  };

  // The references must outlive it.
  Door(Metrics& metrics, Clock& clock, const Options& options);

  grpc::Status Pass(const grpc::ServerContext& server,
                    const Call& call,
                    const google::protobuf::Message& request,
                    const std::function<Status(const Context& context)>& body);

 private:
  class Place;

  Context MakeContext(const grpc::ServerContext& server);
  Status Run(const Context& context,
             const Call& call,
             const std::function<Status(const Context& context)>& body);
  static void Log(const Context& context,
                  const Call& call,
                  const google::protobuf::Message& request,
                  const Status& status,
                  double seconds);

  Metrics& metrics_;
  Clock& clock_;
  const Options options_;
  const std::string id_prefix_;
  std::atomic<std::uint64_t> last_id_ = 0;
  std::atomic<int> at_work_ = 0;
  KeyedLock locks_;
};

// The same code, and the text for a person, cut at 2 KiB: gRPC refuses larger trailers (8 KiB with
// every byte escaped). Details stay empty, as CSI wants it.
grpc::Status ToGrpc(const Status& status);

}  // namespace rbdcrypt::csi
