// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/api_error.h"

#include <cstddef>
#include <cstdint>

#include "base/strings.h"
#include "k8s/fields.h"

namespace rbdcrypt::k8s {
namespace {

// The server's words are kept to this many bytes.
constexpr std::size_t kMaxMessageBytes = 1024;

// What we read of a Status object; empty where the answer is none.
struct StatusObject {
  std::string reason;
  std::string message;
  bool namespace_terminating = false;
};

StatusObject ReadStatusObject(const Json& json) {
  Fields fields(json, "Status");
  StatusObject status = {.reason = fields.Text("reason"), .message = fields.Text("message")};
  if (status.message.size() > kMaxMessageBytes) {
    status.message.resize(kMaxMessageBytes);
  }
  Fields details = fields.Part("details");
  for (Fields& cause : details.Parts("causes")) {
    if (cause.Text("reason") == kCauseNamespaceTerminating) {
      status.namespace_terminating = true;
    }
  }
  return status;
}

// The rule that would allow the call, as one writes it into a Role or ClusterRole.
std::string MissingRule(const ApiCall& call) {
  const std::string part = call.part.empty() ? "" : Cat('/', call.part);
  return Cat("the driver's ", call.name.ns.empty() ? "ClusterRole" : "Role or ClusterRole",
             " needs the rule apiGroups: [\"", call.resource.group, "\"], resources: [\"",
             call.resource.plural, part, "\"], verbs: [\"", call.verb, "\"]",
             call.name.ns.empty() ? "" : Cat(" in namespace \"", call.name.ns, '"'));
}

Status Forbidden(const ApiCall& call, const StatusObject& status, const std::string& text) {
  if (status.namespace_terminating) {
    return FailedPrecondition(text);
  }
  // RBAC says 'User "x" cannot get resource "y"'; a quota or an admission rule speaks otherwise,
  // and no role helps against it.
  if (status.message.empty() || status.message.find(" cannot ") != std::string::npos) {
    return PermissionDenied(Cat(text, "; ", MissingRule(call)));
  }
  return PermissionDenied(text);
}

Status Convert(const ApiCall& call, int code, const StatusObject& status) {
  const std::string text =
      Cat(call.Text(), ": ",
          status.message.empty() ? Cat("the API server answered HTTP ", code) : status.message);
  // The API server redirects nobody and knows no 407.
  if (code / 100 == 3 || code == 407) {
    return Unavailable(Cat(text, "; HTTP ", code,
                           " comes from a proxy before the API server: look ",
                           "at it, and at the server's address"));
  }
  switch (code) {
    case 401:
      return PermissionDenied(
          Cat(text, "; the API server does not accept our token or certificate"));
    case 403:
      return Forbidden(call, status, text);
    case 404:
      return NotFound(text);
    case 405:
      return Unimplemented(text);
    case 408:
      return Unavailable(text);
    case 409:
      return status.reason == kReasonAlreadyExists ? AlreadyExists(text) : Aborted(text);
    case 410:
      return OutOfRange(text);
    case 429:
      return Unavailable(Cat(text, "; the API server is too busy"));
    default:
      return code >= 500 ? Unavailable(text) : InvalidArgument(text);
  }
}

}  // namespace

std::string ApiCall::Text() const {
  Resource shown = resource;
  const std::string plural =
      part.empty() ? std::string(resource.plural) : Cat(resource.plural, '/', part);
  shown.plural = plural;
  return Cat(verb, ' ', Describe(shown, name));
}

Status ErrorOf(const ApiCall& call, const net::HttpAnswer& answer) {
  const Result<Json> json = ParseJson(answer.BodyText(), "the answer");
  return Convert(call, answer.status, json.ok() ? ReadStatusObject(*json) : StatusObject{});
}

Status ErrorOfStatusObject(const ApiCall& call, const Json& status) {
  Fields fields(status, "Status");
  const std::int64_t code = fields.Int("code");
  // A watch that breaks on the server's side says so without a code that fits.
  const bool is_error = code >= 400 && code <= 599;
  return Convert(call, is_error ? static_cast<int>(code) : 500, ReadStatusObject(status));
}

}  // namespace rbdcrypt::k8s
