// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/rpc.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/strings.h"
#include "csi/redact.h"

namespace rbdcrypt::csi {
namespace {

constexpr std::size_t kMaxMessageBytes = 2048;
constexpr std::chrono::hours kFarAway{24 * 365};

// Tells the request IDs of two lives of the process apart.
std::string RandomPrefix() {
  const Result<Secret> random = RandomSecret(4);
  return random.ok() ? HexEncode(random->Reveal()) : "00000000";
}

double SecondsSince(const Clock& clock, Clock::TimePoint start) {
  return std::chrono::duration<double>(clock.Now() - start).count();
}

// What an operator must look at, against what a caller or the moment brings about.
bool IsOurTrouble(Code code) {
  return code == Code::kInternal || code == Code::kDataLoss || code == Code::kUnknown;
}

}  // namespace

std::string VolumeKey(std::string_view volume_id) {
  return Cat("volume ", volume_id);
}

std::string NameKey(std::string_view request_name) {
  return Cat("request ", request_name);
}

// A place among the calls at work, given back on destruction.
class Door::Place {
 public:
  Place(Door& door, int limit) : door_(door) {
    admitted_ = ++door_.at_work_ <= limit;
    door_.metrics_.AddRpcInFlight(1);
  }

  ~Place() {
    --door_.at_work_;
    door_.metrics_.AddRpcInFlight(-1);
  }

  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  bool admitted() const { return admitted_; }

 private:
  Door& door_;
  bool admitted_ = false;
};

Door::Door(Metrics& metrics, Clock& clock, const Options& options)
    : metrics_(metrics), clock_(clock), options_(options), id_prefix_(RandomPrefix()) {}

grpc::Status Door::Pass(const grpc::ServerContext& server,
                        const Call& call,
                        const google::protobuf::Message& request,
                        const std::function<Status(const Context& context)>& body) {
  const Clock::TimePoint start = clock_.Now();
  const Context context = MakeContext(server);
  const Status status = Run(context, call, body);
  const double seconds = SecondsSince(clock_, start);
  metrics_.CountRpc(call.method, CodeName(status.code()), seconds);
  Log(context, call, request, status, seconds);
  return ToGrpc(status);
}

Context Door::MakeContext(const grpc::ServerContext& server) {
  Context::Options options;
  options.clock = &clock_;
  // gRPC's deadline is wall time, ours steady time; a far one is none and would not fit.
  const auto deadline = server.deadline();
  if (const auto wall = clock_.Wall(); deadline < wall + kFarAway) {
    options.deadline = clock_.Now() + (deadline - wall);
  }
  options.is_cancelled = [&server] { return server.IsCancelled(); };
  options.request_id = Cat(id_prefix_, "-", ++last_id_);
  return Context(std::move(options));
}

Status Door::Run(const Context& context,
                 const Call& call,
                 const std::function<Status(const Context& context)>& body) {
  if (call.admission == Admission::kAlways) {
    return body(context);
  }
  const int limit =
      options_.max_calls + (call.admission == Admission::kQuick ? options_.reserve : 0);
  const Place place(*this, limit);
  if (!place.admitted()) {
    metrics_.CountEvent("rpc_turned_away");
    return Aborted(Cat("too many calls are at work (", limit, "); try again"));
  }
  if (call.lock_key.empty()) {
    return body(context);
  }
  ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.TryLock(call.lock_key, call.lock_key));
  return body(context);
}

void Door::Log(const Context& context,
               const Call& call,
               const google::protobuf::Message& request,
               const Status& status,
               double seconds) {
  const std::string method(call.method);
  const std::string code = CodeName(status.code());
  if (status.ok()) {
    const auto log = call.admission == Admission::kAlways ? LogDebug : LogInfo;
    log("rpc", {{"method", method},
                {"request_id", context.request_id()},
                {"code", code},
                {"seconds", Cat(seconds)},
                {"request", Redact(request)}});
    return;
  }
  const auto log = IsOurTrouble(status.code()) ? LogError : LogWarn;
  log("rpc", {{"method", method},
              {"request_id", context.request_id()},
              {"code", code},
              {"seconds", Cat(seconds)},
              {"error", Message(status)},
              {"where", Where(status)},
              {"request", Redact(request)}});
}

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  std::string text = Message(status);
  if (text.size() > kMaxMessageBytes) {
    text.resize(kMaxMessageBytes);
    text.append("...");
  }
  return {static_cast<grpc::StatusCode>(status.code()), text};
}

}  // namespace rbdcrypt::csi
