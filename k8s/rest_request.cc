// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_request.h"

#include <cstddef>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

// 1.5 MiB is what etcd takes of an object (--max-request-bytes); real ones have some KiB.
constexpr std::size_t kMaxObjectBytes = 8U << 20;

}  // namespace

net::HttpRequest NewRequest(std::string_view method, std::string target) {
  net::HttpRequest request;
  request.method = method;
  request.target = std::move(target);
  request.headers = {{.name = "Accept", .value = std::string(kJsonType)},
                     {.name = "User-Agent", .value = std::string(kProgram)}};
  request.max_answer_bytes = kMaxObjectBytes;
  return request;
}

net::HttpRequest NewRequest(std::string_view method, const Resource& resource, std::string target) {
  net::HttpRequest request = NewRequest(method, std::move(target));
  request.has_public_answer = !IsSecrets(resource);
  return request;
}

void SetAccept(net::HttpRequest& request, std::string_view type) {
  request.headers.front().value = type;
}

void SetJsonBody(net::HttpRequest& request, std::string_view type, const Json& body) {
  request.body = Secret(body.dump(-1, ' ', false, Json::error_handler_t::replace));
  request.content_type = type;
}

QueryPairs SelectionQuery(const Selection& selection) {
  return {{"labelSelector", selection.labels}, {"fieldSelector", selection.fields}};
}

Result<Json> ObjectIn(const ApiCall& call, const net::HttpAnswer& answer) {
  Result<Json> object = ParseJson(answer.BodyText(), "the API server's answer");
  if (!object.ok() || !object->is_object()) {
    return Internal(
        Cat(call.Text(), ": ", object.ok() ? "the answer is no object" : Message(object.status())));
  }
  return object;
}

}  // namespace rbdcrypt::k8s
