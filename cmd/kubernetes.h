// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "k8s/config.h"
#include "k8s/events.h"
#include "k8s/rest_client.h"
#include "net/http_client.h"

namespace rbdcrypt::cmd {

// This process's way to the Kubernetes API: one client and one sender of Events for all of it.
class Kubernetes {
 public:
  // Null where nothing says that there is one: neither KUBERNETES_CONFIG_PATH nor
  // KUBERNETES_SERVICE_HOST is set. Asks nobody. `instance`: the node or pod, for Events.
  // kInvalidArgument, kUnavailable: what is configured cannot be read (k8s/config.h).
  static Result<std::unique_ptr<Kubernetes>> Find(const k8s::Environment& environment,
                                                  Clock& clock,
                                                  const std::string& instance);

  k8s::Client& client() { return client_; }

  k8s::EventRecorder& events() { return events_; }

  // POD_NAMESPACE, else the pod's own or the kubeconfig's; never empty.
  const std::string& ns() const { return ns_; }

 private:
  Kubernetes(std::unique_ptr<net::HttpClient> http,
             std::unique_ptr<k8s::TokenSource> token,
             std::string ns,
             Clock& clock,
             const std::string& instance)
      : http_(std::move(http)),
        token_(std::move(token)),
        ns_(std::move(ns)),
        client_(*http_, token_.get()),
        events_(client_, clock, {.instance = instance}) {}

  const std::unique_ptr<net::HttpClient> http_;
  const std::unique_ptr<k8s::TokenSource> token_;
  const std::string ns_;
  k8s::RestClient client_;
  k8s::EventSender events_;
};

}  // namespace rbdcrypt::cmd
