// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/rest_client.h"

#include <span>
#include <string_view>

#include "base/strings.h"
#include "k8s/rest_list.h"
#include "k8s/rest_request.h"
#include "k8s/watch_stream.h"

namespace rbdcrypt::k8s {
namespace {

// Beyond the end that the server was asked for, a watch is taken for dead.
constexpr std::chrono::seconds kWatchGrace(30);

Status RefuseSecrets(const Resource& resource, bool identity_only = false) {
  if (IsSecrets(resource) && !identity_only) {
    return InvalidArgument("Secrets are read by GetSecret, and by nothing else");
  }
  return OkStatus();
}

std::string_view PartName(Part part) {
  return part == Part::kStatus ? "status" : "";
}

// Whether a merge patch says which version of the object it is for.
bool NamesVersion(const Json& patch) {
  const Result<ObjectMeta> meta = ParseMeta(patch);
  return meta.ok() && !meta->resource_version.empty();
}

Json DeletionBody(const DeleteOptions& options) {
  Json body = {{"apiVersion", kVersion1}, {"kind", "DeleteOptions"}};
  if (!options.uid.empty()) {
    body["preconditions"]["uid"] = options.uid;
  }
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  if (!options.propagation.empty()) {
    body["propagationPolicy"] = options.propagation;
  }
  return body;
}

// How a watch ended that its own sink did not end.
Status EndOfWatch(const Status& status, bool has_begun) {
  const bool is_lost =
      status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
  if (is_lost && has_begun) {
    return OkStatus();
  }
  // The deadline is the watch's own.
  return status.code() == Code::kDeadlineExceeded ? Unavailable(Message(status)) : status;
}

// Where an object that is to be written belongs; its name may still be the server's to choose.
Result<ObjectName> NameOf(const Resource& resource, const Json& object) {
  ASSIGN_OR_RETURN(const ObjectMeta meta, ParseMeta(object));
  if (resource.namespaced && meta.ns.empty()) {
    return InvalidArgument(Cat(resource.plural, " \"", meta.name, "\" has no metadata.namespace"));
  }
  return meta.Name();
}

}  // namespace

Result<Json> RestClient::Get(const Context& context,
                             const Resource& resource,
                             const ObjectName& name) {
  RETURN_IF_ERROR(RefuseSecrets(resource));
  ASSIGN_OR_RETURN(std::string path, ObjectPath(resource, name));
  const ApiCall call = {.verb = "get", .resource = resource, .name = name, .part = ""};
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, NewRequest("GET", resource, std::move(path)), true));
  return ObjectIn(call, answer);
}

Result<ObjectList> RestClient::List(const Context& context,
                                    const Resource& resource,
                                    const Selection& selection) {
  RETURN_IF_ERROR(RefuseSecrets(resource, selection.identity_only));
  const ApiCall call = {
      .verb = "list", .resource = resource, .name = {.ns = selection.ns, .name = ""}, .part = ""};
  return ListPages(context, sender_, call, selection);
}

Result<Json> RestClient::Create(const Context& context,
                                const Resource& resource,
                                const Json& object) {
  RETURN_IF_ERROR(RefuseSecrets(resource));
  ASSIGN_OR_RETURN(const ObjectName name, NameOf(resource, object));
  ASSIGN_OR_RETURN(std::string path, CollectionPath(resource, name.ns));
  const ApiCall call = {.verb = "create", .resource = resource, .name = name, .part = ""};
  net::HttpRequest request = NewRequest("POST", resource, std::move(path));
  SetJsonBody(request, kJsonType, object);
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, std::move(request), false));
  return ObjectIn(call, answer);
}

Result<Json> RestClient::Update(const Context& context,
                                const Resource& resource,
                                const Json& object,
                                Part part) {
  RETURN_IF_ERROR(RefuseSecrets(resource));
  ASSIGN_OR_RETURN(const ObjectMeta meta, ParseMeta(object));
  if (meta.resource_version.empty()) {
    return InvalidArgument(Cat("update ", Describe(resource, meta.Name()),
                               ": no metadata.resourceVersion to say what it replaces"));
  }
  ASSIGN_OR_RETURN(std::string path, ObjectPath(resource, meta.Name(), PartName(part)));
  const ApiCall call = {
      .verb = "update", .resource = resource, .name = meta.Name(), .part = PartName(part)};
  net::HttpRequest request = NewRequest("PUT", resource, std::move(path));
  SetJsonBody(request, kJsonType, object);
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, std::move(request), true));
  return ObjectIn(call, answer);
}

Result<Json> RestClient::Patch(const Context& context,
                               const Resource& resource,
                               const ObjectName& name,
                               const Json& patch,
                               const PatchOptions& options) {
  RETURN_IF_ERROR(RefuseSecrets(resource));
  ASSIGN_OR_RETURN(const std::string path, ObjectPath(resource, name, PartName(options.part)));
  const ApiCall call = {
      .verb = "patch", .resource = resource, .name = name, .part = PartName(options.part)};
  const bool apply = options.kind == PatchOptions::Kind::kApply;
  net::HttpRequest request =
      NewRequest("PATCH", resource,
                 Cat(path, Query({{"fieldManager", options.field_manager},
                                  {"force", apply && options.force ? "true" : ""}})));
  SetJsonBody(request, apply ? kApplyPatchType : kMergePatchType, patch);
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, std::move(request), apply || NamesVersion(patch)));
  return ObjectIn(call, answer);
}

Status RestClient::Delete(const Context& context,
                          const Resource& resource,
                          const ObjectName& name,
                          const DeleteOptions& options) {
  RETURN_IF_ERROR(RefuseSecrets(resource));
  ASSIGN_OR_RETURN(std::string path, ObjectPath(resource, name));
  const ApiCall call = {.verb = "delete", .resource = resource, .name = name, .part = ""};
  net::HttpRequest request = NewRequest("DELETE", resource, std::move(path));
  SetJsonBody(request, kJsonType, DeletionBody(options));
  const bool is_of_one = !options.uid.empty() || !options.resource_version.empty();
  const Status status = sender_.Send(context, call, std::move(request), is_of_one).status();
  return status.code() == Code::kNotFound && FollowsUnsureTry(status) ? OkStatus() : status;
}

Status RestClient::Watch(const Context& context,
                         const Resource& resource,
                         const WatchOptions& options,
                         const std::function<Status(WatchEvent event)>& sink) {
  const Selection& selection = options.selection;
  RETURN_IF_ERROR(RefuseSecrets(resource, selection.identity_only));
  ASSIGN_OR_RETURN(const std::string path, CollectionPath(resource, selection.ns));
  QueryPairs query = SelectionQuery(selection);
  query.insert(query.end(), {{"watch", "true"},
                             {"allowWatchBookmarks", "true"},
                             {"resourceVersion", options.resource_version},
                             {"timeoutSeconds", Cat(options.timeout.count())}});
  net::HttpRequest request = NewRequest("GET", resource, Cat(path, Query(query)));
  if (selection.identity_only) {
    SetAccept(request, kMetadataType);
  }
  const ApiCall call = {
      .verb = "watch", .resource = resource, .name = {.ns = selection.ns, .name = ""}, .part = ""};
  WatchDecoder decoder(call, selection.identity_only);
  bool has_begun = false;
  Status from_sink;
  const Status status = sender_.Stream(context.WithTimeout(options.timeout + kWatchGrace), call,
                                       std::move(request), [&](std::span<const std::byte> bytes) {
                                         has_begun = true;
                                         from_sink = decoder.Feed(bytes, sink);
                                         return from_sink;
                                       });
  RETURN_IF_ERROR(from_sink);
  RETURN_IF_ERROR(context.Check("go on with a watch"));
  return EndOfWatch(status, has_begun);
}

Result<SecretObject> RestClient::GetSecret(const Context& context, const ObjectName& name) {
  ASSIGN_OR_RETURN(std::string path, ObjectPath(kSecrets, name));
  const ApiCall call = {.verb = "get", .resource = kSecrets, .name = name, .part = ""};
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, NewRequest("GET", std::move(path)), true));
  Result<SecretObject> secret = ParseSecretObject(answer.body.RevealText());
  if (!secret.ok()) {
    return Annotate(secret.status(), call.Text());
  }
  return secret;
}

Result<ServiceAccountToken> RestClient::RequestToken(const Context& context,
                                                     const ObjectName& service_account,
                                                     const TokenRequest& request) {
  constexpr std::string_view kTokenPart = "token";
  ASSIGN_OR_RETURN(std::string path, ObjectPath(kServiceAccounts, service_account, kTokenPart));
  const ApiCall call = {
      .verb = "create", .resource = kServiceAccounts, .name = service_account, .part = kTokenPart};
  net::HttpRequest http_request = NewRequest("POST", std::move(path));
  http_request.body = Secret(FormatTokenRequest(request));
  http_request.content_type = kJsonType;
  // One token more does no harm.
  ASSIGN_OR_RETURN(const net::HttpAnswer answer,
                   sender_.Send(context, call, std::move(http_request), true));
  Result<ServiceAccountToken> token = ParseTokenAnswer(answer.body.RevealText());
  if (!token.ok()) {
    return Annotate(token.status(), call.Text());
  }
  return token;
}

}  // namespace rbdcrypt::k8s
