// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_path.h"
#include "net/http_client.h"

namespace rbdcrypt::k8s {

// What was asked of the API server, in the words of RBAC; for texts.
struct ApiCall {
  // "get", "list", "create", "update", "patch", "delete", "watch".
  std::string_view verb;
  Resource resource;
  ObjectName name;
  // "status", "token", or "" for the whole.
  std::string_view part;

  // "patch persistentvolumeclaims/status \"data\" in namespace \"shop\"".
  std::string Text() const;
};

// The error that an answer of 300 and above stands for, by its HTTP status and the Status object in
// its body (apimachinery, pkg/apis/meta/v1/types.go: reason, message, details.causes). Codes as
// k8s/client.h says; never OK.
Status ErrorOf(const ApiCall& call, const net::HttpAnswer& answer);

// The same of a Status object alone, as a watch brings it; its "code" is the HTTP status.
Status ErrorOfStatusObject(const ApiCall& call, const Json& status);

}  // namespace rbdcrypt::k8s
