// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "k8s/api_error.h"
#include "k8s/client.h"
#include "net/http_client.h"

namespace rbdcrypt::k8s {

// The pieces that the requests of k8s/rest_client and k8s/rest_list are made of.

using QueryPairs = std::vector<std::pair<std::string_view, std::string>>;

// A request that asks for JSON, without a body. `target` as net::HttpRequest's.
net::HttpRequest NewRequest(std::string_view method, std::string target);

// The same for objects of a type: unless they are Secrets, what comes back is none.
net::HttpRequest NewRequest(std::string_view method, const Resource& resource, std::string target);

// Asks for another form of the objects, of "Accept".
void SetAccept(net::HttpRequest& request, std::string_view type);

// Invalid UTF-8 in `body` (an error text in an Event, say) becomes U+FFFD.
void SetJsonBody(net::HttpRequest& request, std::string_view type, const Json& body);

// What selects objects, without the namespace, which stands in the path.
QueryPairs SelectionQuery(const Selection& selection);

// The object in a 2xx answer. kInternal: there is none.
Result<Json> ObjectIn(const ApiCall& call, const net::HttpAnswer& answer);

}  // namespace rbdcrypt::k8s
