// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/rpc.h"

#include <array>
#include <chrono>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include "base/json.h"
#include "base/status.h"
#include "base/strings.h"
#include "csi.pb.h"
#include "csi/server.h"

namespace rbdcrypt::cmd {
namespace {

using google::protobuf::Message;
using google::protobuf::MethodDescriptor;

constexpr int kCallFailed = 1;
constexpr int kBadUsage = 2;

void PrintError(std::ostream& error, const std::string& code, const std::string& message) {
  error << Json({{"code", code}, {"message", message}}).dump() << "\n";
}

// Of "csi.v1.Controller/CreateVolume", "Controller/CreateVolume" or "CreateVolume"; null if there
// is none. No two services of CSI have a method of the same name.
const MethodDescriptor* FindMethod(std::string_view name) {
  const google::protobuf::FileDescriptor* file = ::csi::v1::ProbeRequest::descriptor()->file();
  const std::string_view method =
      name.substr(name.rfind('/') == std::string_view::npos ? 0 : name.rfind('/') + 1);
  const std::string_view service = name.substr(0, name.size() - method.size());
  for (int i = 0; i < file->service_count(); ++i) {
    const auto* candidate = file->service(i);
    const bool fits = service.empty() || service == Cat(candidate->name(), "/") ||
                      service == Cat(candidate->full_name(), "/");
    const auto* found = candidate->FindMethodByName(std::string(method));
    if (fits && found != nullptr && !found->server_streaming()) {
      return found;
    }
  }
  return nullptr;
}

std::unique_ptr<Message> NewMessage(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

grpc::ByteBuffer ToBuffer(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

bool FromBuffer(const grpc::ByteBuffer& buffer, Message& message) {
  grpc::Slice slice;
  return buffer.DumpToSingleSlice(&slice).ok() &&
         message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
}

// One unary call, waited for.
grpc::Status Call(const RpcOptions& options,
                  const std::string& path,
                  const MethodDescriptor& method,
                  const Message& request,
                  Message& response) {
  grpc::GenericStub stub(
      grpc::CreateChannel(Cat("unix://", path), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(options.timeout_seconds));
  grpc::CompletionQueue queue;
  const std::string full_name = Cat("/", method.service()->full_name(), "/", method.name());
  const auto call = stub.PrepareUnaryCall(&context, full_name, ToBuffer(request), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (status.ok() && !FromBuffer(answer, response)) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "the answer is no such message");
  }
  return status;
}

}  // namespace

int CallRpc(const RpcOptions& options, std::istream& in, std::ostream& out, std::ostream& error) {
  const MethodDescriptor* method = FindMethod(options.method);
  if (method == nullptr) {
    PrintError(error, "UNIMPLEMENTED", Cat("CSI has no unary method ", options.method));
    return kBadUsage;
  }
  const Result<std::string> path = csi::SocketPath(options.endpoint);
  if (!path.ok()) {
    PrintError(error, CodeName(path.status().code()), rbdcrypt::Message(path.status()));
    return kBadUsage;
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto request = NewMessage(method->input_type());
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      Trim(text).empty() ? std::string("{}") : text, request.get());
  if (!parsed.ok()) {
    // Without protobuf's own words: they may quote the value.
    PrintError(error, "INVALID_ARGUMENT",
               Cat("standard input is no ", request->GetTypeName(), " in protobuf's JSON"));
    return kBadUsage;
  }
  const auto response = NewMessage(method->output_type());
  const grpc::Status status = Call(options, *path, *method, *request, *response);
  if (!status.ok()) {
    PrintError(error, CodeName(static_cast<Code>(status.error_code())), status.error_message());
    return kCallFailed;
  }
  std::string json;
  static_cast<void>(google::protobuf::util::MessageToJsonString(*response, &json));
  out << json << "\n";
  return 0;
}

}  // namespace rbdcrypt::cmd
