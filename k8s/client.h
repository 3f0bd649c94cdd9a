// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "k8s/secret_data.h"
#include "k8s/token_request.h"

namespace rbdcrypt::k8s {

// Which objects of a type.
struct Selection {
  // "" stands for all namespaces.
  std::string ns = {};
  // "app=shop,tier!=cache"; "" selects all.
  std::string labels = {};
  // "metadata.name=kms-config"; "" selects all.
  std::string fields = {};
  // Gives of each object apiVersion, kind and, of metadata, name, namespace, uid, resourceVersion,
  // creationTimestamp and deletionTimestamp alone. The one way to list or watch Secrets: their
  // content, and annotations that may repeat it, neither leave the API server's answer nor, where
  // that can help it, the API server.
  bool identity_only = false;
};

struct ObjectList {
  // Without kind and apiVersion, which the list says once for all.
  std::vector<Json> items = {};
  // From where a watch goes on.
  std::string resource_version = {};
};

// Which part of an object a change is about: everything but its status, or that alone (for types
// that have a status subresource; the API server drops changes of the other part).
enum class Part { kMain, kStatus };

struct PatchOptions {
  enum class Kind {
    // RFC 7386: fields of the patch replace, null removes, arrays are replaced whole. With a
    // metadata.resourceVersion in it, a compare-and-swap.
    kMerge,
    // Server-side apply: the patch says all that `field_manager` wants to be there; creates the
    // object where it is absent; what others own is left alone.
    kApply,
  };

  Kind kind = Kind::kMerge;
  Part part = Part::kMain;
  std::string field_manager = std::string(kProgram);
  // For kApply: takes fields that others own instead of failing with kAborted.
  bool force = false;
};

struct DeleteOptions {
  // Delete only this incarnation and this version; "" is any.
  std::string uid = {};
  std::string resource_version = {};
  // "Background", "Foreground" or "Orphan" (Kubernetes, "Garbage Collection"); "" leaves it to the
  // type's default.
  std::string propagation = {};
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark };

  Type type = Type::kAdded;
  // Of a deleted one its last state; of a bookmark nothing but metadata.resourceVersion.
  Json object;
};

struct WatchOptions {
  Selection selection = {};
  // Of a list, or of the last event seen.
  std::string resource_version = {};
  // The API server ends the watch after this time.
  std::chrono::seconds timeout = std::chrono::minutes(5);
};

// The Kubernetes API. Thread safe. Implemented by RestClient; tests run that over FakeKubeApi.
//
// Objects travel as Json, so that fields we do not know survive; k8s/objects reads the few that we
// do know. Secrets never do: GetSecret alone reads them, and every other call refuses them (but for
// Selection::identity_only). A call waits where the API server says so (429, Retry-After) and is
// repeated where that can do no harm, up to the context's deadline. Of all calls:
//
//   kNotFound            no such object; of List, Watch and Create also: no such type (its
//                        CustomResourceDefinition is not installed) or no such namespace
//   kPermissionDenied    401: it does not know us; 403: RBAC or an admission rule says no. The text
//                        names verb, resource and the missing rule
//   kAlreadyExists       Create: of that name
//   kAborted             409: the object is of another version or incarnation than said, or, of
//                        server-side apply, others own the field: read it again
//   kOutOfRange          410: see IsExpired
//   kInvalidArgument     the server finds the object invalid, the name is none, or it is a Secret
//   kFailedPrecondition  Create: the namespace is being deleted
//   kUnimplemented       405: objects of this type cannot do that
//   kUnavailable         not reached, too busy for too long, its own error, or that of a proxy
//                        before it: later
//   kInternal            an answer that is none of the API's
//   kCancelled, kDeadlineExceeded   the context's
class Client {
 public:
  virtual ~Client() = default;

  virtual Result<Json> Get(const Context& context,
                           const Resource& resource,
                           const ObjectName& name) = 0;

  // All that are selected, as of one moment, in pages of 500; where the pages' moment expired
  // before the last one (kOutOfRange of the server), it starts over by itself.
  virtual Result<ObjectList> List(const Context& context,
                                  const Resource& resource,
                                  const Selection& selection) = 0;

  // Creates `object` in the namespace of its metadata and returns it as stored. After a lost answer
  // it is not repeated (kUnavailable): it may exist. "metadata.generateName" instead of a name is
  // the caller's choice, and then so are duplicates.
  virtual Result<Json> Create(const Context& context,
                              const Resource& resource,
                              const Json& object) = 0;

  // Replaces the object by `object`, which must carry the metadata.resourceVersion it was read with
  // (kInvalidArgument otherwise: it would overwrite others' changes). Returns it as stored. After a
  // lost answer the repetition may meet our own change: kAborted.
  virtual Result<Json> Update(const Context& context,
                              const Resource& resource,
                              const Json& object,
                              Part part) = 0;

  // Changes the object. A merge patch without a metadata.resourceVersion is not repeated after a
  // lost answer (kUnavailable): it could undo what others changed meanwhile. One with it may then
  // meet our own change: kAborted.
  virtual Result<Json> Patch(const Context& context,
                             const Resource& resource,
                             const ObjectName& name,
                             const Json& patch,
                             const PatchOptions& options) = 0;

  // Begins the deletion; finalizers may keep the object for a while. kAborted: preconditions. Of an
  // object without preconditions it is not repeated after a lost answer (kUnavailable): it could
  // hit another one, which was made under that name meanwhile. With them it is, and OK where the
  // lost attempt did it.
  virtual Status Delete(const Context& context,
                        const Resource& resource,
                        const ObjectName& name,
                        const DeleteOptions& options) = 0;

  // One watch: gives `sink` what happens after `resource_version`, in order, until the server ends
  // it or the connection drops (OK, also where nothing happened: go on from the last version seen),
  // `sink` fails (its error), or the context ends. kUnavailable: it did not even begin, also where
  // no answer came within a minute. kOutOfRange: list again. k8s/watch does all that.
  virtual Status Watch(const Context& context,
                       const Resource& resource,
                       const WatchOptions& options,
                       const std::function<Status(WatchEvent event)>& sink) = 0;

  virtual Result<SecretObject> GetSecret(const Context& context, const ObjectName& name) = 0;

  // A new token of a ServiceAccount (create of serviceaccounts/token).
  virtual Result<ServiceAccountToken> RequestToken(const Context& context,
                                                   const ObjectName& service_account,
                                                   const TokenRequest& request) = 0;
};

// Whether an error of the client is 410 Gone: what a watch was to go on from (or a list, by its
// continue token) is older than what the API server still knows. Only a new list helps.
inline bool IsExpired(const Status& status) {
  return status.code() == Code::kOutOfRange;
}

}  // namespace rbdcrypt::k8s
