// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// csi_calls SOCKET CALLERS: makes CSI calls over one connection, as the provisioner does, so many
// at a time, and times each.
//
// Standard input, one call a line: {"method": "CreateVolume", "request": {…}}. Standard output, one
// line as each ends: {"call": 0, "seconds": 0.08, "code": 0, "answer": {…}}, or a "message" where
// the code is not 0. "call" counts the lines of the input. The clock runs from the call to its
// answer; JSON and protobuf are outside.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <google/protobuf/util/json_util.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/json.h"
#include "base/strings.h"
#include "csi.grpc.pb.h"

namespace rbdcrypt::bench {
namespace {

namespace pb = ::csi::v1;
using Stub = pb::Controller::Stub;

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kLimit{300};

template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// What Json would take apart only for protobuf to put together again stays text.
template <typename Request, typename Response>
Json Measure(Stub& stub, Method<Request, Response> method, const std::string& text) {
  Request request;
  if (!google::protobuf::util::JsonStringToMessage(text, &request).ok()) {
    return {{"code", -1}, {"message", "the request is none in protobuf's JSON"}};
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kLimit);
  Response response;
  const auto begun = std::chrono::steady_clock::now();
  const grpc::Status status = (stub.*method)(&context, request, &response);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
  Json result = {{"code", status.error_code()}, {"seconds", taken.count()}};
  if (!status.ok()) {
    result["message"] = status.error_message();
    return result;
  }
  std::string answer;
  static_cast<void>(google::protobuf::util::MessageToJsonString(response, &answer));
  result["answer"] = Json::parse(answer, nullptr, false);
  return result;
}

Json MakeCall(Stub& stub, const std::string& line) {
  const Json call = Json::parse(line, nullptr, false);
  const std::string method = call.is_object() ? call.value("method", "") : "";
  const std::string request = call.is_object() ? call.value("request", Json::object()).dump() : "";
  if (method == "CreateVolume") {
    return Measure<pb::CreateVolumeRequest, pb::CreateVolumeResponse>(stub, &Stub::CreateVolume,
                                                                      request);
  }
  if (method == "DeleteVolume") {
    return Measure<pb::DeleteVolumeRequest, pb::DeleteVolumeResponse>(stub, &Stub::DeleteVolume,
                                                                      request);
  }
  return {{"code", -1}, {"message", Cat("no method ", method, " here")}};
}

// Standard input and output, shared by the callers.
class Lines {
 public:
  // The next line and its number; nothing at the end of the input.
  std::optional<std::pair<std::size_t, std::string>> Next() {
    const std::lock_guard<std::mutex> guard(reading_);
    std::string line;
    if (!std::getline(std::cin, line)) {
      return std::nullopt;
    }
    return std::pair(count_++, std::move(line));
  }

  void Print(const Json& result) {
    const std::lock_guard<std::mutex> guard(printing_);
    std::cout << result.dump() << std::endl;
  }

 private:
  std::mutex reading_;
  std::mutex printing_;
  std::size_t count_ = 0;
};

void Serve(Stub& stub, Lines& lines) {
  while (const auto next = lines.Next()) {
    Json result = MakeCall(stub, next->second);
    result["call"] = next->first;
    lines.Print(result);
  }
}

}  // namespace
}  // namespace rbdcrypt::bench

int main(int argc, char** argv) {
  const int callers = argc == 3 ? std::atoi(argv[2]) : 0;
  if (callers < 1) {
    std::cerr << "usage: csi_calls SOCKET CALLERS <calls >results\n";
    return 2;
  }
  const auto channel =
      grpc::CreateChannel(rbdcrypt::Cat("unix:", argv[1]), grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + rbdcrypt::bench::kPatience)) {
    std::cerr << "csi_calls: nobody answers at " << argv[1] << "\n";
    return 1;
  }
  const auto stub = ::csi::v1::Controller::NewStub(channel);
  rbdcrypt::bench::Lines lines;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] { rbdcrypt::bench::Serve(*stub, lines); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return 0;
}
