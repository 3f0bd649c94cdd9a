// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/retry.h"
#include "k8s/api_error.h"
#include "k8s/client.h"
#include "k8s/rest_sender.h"
#include "net/http_client.h"

namespace rbdcrypt::k8s {

// The Client over HTTP: makes requests of calls and objects of answers; k8s/rest_sender sends them.
//
//   ASSIGN_OR_RETURN(const auto http,
//                    net::CurlHttpClient::New(access.server, {.tls = std::move(access.tls)}));
//   k8s::RestClient client(*http, access.token.get());
class RestClient final : public Client {
 public:
  // Both must outlive it; no token where something else says who we are.
  explicit RestClient(net::HttpClient& http,
                      TokenSource* token = nullptr,
                      const RetryOptions& retry = {})
      : sender_(http, token, retry) {}

  Result<Json> Get(const Context& context,
                   const Resource& resource,
                   const ObjectName& name) override;
  Result<ObjectList> List(const Context& context,
                          const Resource& resource,
                          const Selection& selection) override;
  Result<Json> Create(const Context& context,
                      const Resource& resource,
                      const Json& object) override;
  Result<Json> Update(const Context& context,
                      const Resource& resource,
                      const Json& object,
                      Part part) override;
  Result<Json> Patch(const Context& context,
                     const Resource& resource,
                     const ObjectName& name,
                     const Json& patch,
                     const PatchOptions& options) override;
  Status Delete(const Context& context,
                const Resource& resource,
                const ObjectName& name,
                const DeleteOptions& options) override;
  Status Watch(const Context& context,
               const Resource& resource,
               const WatchOptions& options,
               const std::function<Status(WatchEvent event)>& sink) override;
  Result<SecretObject> GetSecret(const Context& context, const ObjectName& name) override;
  Result<ServiceAccountToken> RequestToken(const Context& context,
                                           const ObjectName& service_account,
                                           const TokenRequest& request) override;

 private:
  RestSender sender_;
};

}  // namespace rbdcrypt::k8s
