// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/metrics.h"

#include <exception>
#include <functional>
#include <map>

#include <CivetServer.h>
#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;

// From a call answered out of what is known, over one step of librbd, to a format or a rotation.
const Histogram::BucketBoundaries kRpcSeconds = {0.005, 0.02, 0.1, 0.5, 1, 2, 5, 15, 60, 180};

Family<Counter>& AddCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

// Answers /healthz before the exposer sees the request; 0 leaves it to the exposer. It says that
// the process runs, no more: nothing that the driver depends on is asked, nor does CSI's Probe.
int AnswerHealth(mg_connection* connection) {
  const std::string_view path = mg_get_request_info(connection)->local_uri;
  if (path != "/healthz") {
    return 0;
  }
  constexpr std::string_view kBody = "ok\n";
  mg_send_http_ok(connection, "text/plain", static_cast<long long>(kBody.size()));
  mg_write(connection, kBody.data(), kBody.size());
  return 200;
}

CivetCallbacks Callbacks() {
  CivetCallbacks callbacks;
  callbacks.begin_request = AnswerHealth;
  return callbacks;
}

}  // namespace

struct Metrics::Impl {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  Family<Counter>& rpc_total =
      AddCounter(*registry, "rbdcrypt_rpc_total", "Finished calls by method and code");
  Family<Histogram>& rpc_seconds = prometheus::BuildHistogram()
                                       .Name("rbdcrypt_rpc_seconds")
                                       .Help("Duration of calls by method")
                                       .Register(*registry);
  prometheus::Gauge& rpc_in_flight = prometheus::BuildGauge()
                                         .Name("rbdcrypt_rpc_in_flight")
                                         .Help("Calls being worked on")
                                         .Register(*registry)
                                         .Add({});
  Family<Counter>& kms_requests_total =
      AddCounter(*registry, "rbdcrypt_kms_requests_total", "Requests to key managers");
  Family<Counter>& events_total =
      AddCounter(*registry, "rbdcrypt_events_total", "Rare events that deserve a look");
  Family<prometheus::Gauge>& kms_check_ok =
      prometheus::BuildGauge()
          .Name("rbdcrypt_kms_check_ok")
          .Help("Whether the last preflight of the KMS entry found nothing wrong")
          .Register(*registry);
  absl::Mutex mutex;
  std::map<std::string, prometheus::Gauge*, std::less<>> kms_checks ABSL_GUARDED_BY(mutex);
  // Last: it stops serving before what it serves goes.
  std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}

Metrics::~Metrics() = default;

void Metrics::CountRpc(std::string_view method, std::string_view code, double seconds) {
  const std::string name(method);
  impl_->rpc_total.Add({{"method", name}, {"code", std::string(code)}}).Increment();
  impl_->rpc_seconds.Add({{"method", name}}, kRpcSeconds).Observe(seconds);
}

void Metrics::AddRpcInFlight(int change) {
  impl_->rpc_in_flight.Increment(change);
}

void Metrics::CountKms(std::string_view provider,
                       std::string_view operation,
                       std::string_view code) {
  impl_->kms_requests_total
      .Add({{"provider", std::string(provider)},
            {"operation", std::string(operation)},
            {"code", std::string(code)}})
      .Increment();
}

void Metrics::CountEvent(std::string_view event) {
  impl_->events_total.Add({{"event", std::string(event)}}).Increment();
}

void Metrics::SetKmsCheck(std::string_view kms_id, bool is_ok) {
  const absl::MutexLock lock(&impl_->mutex);
  prometheus::Gauge*& gauge = impl_->kms_checks[std::string(kms_id)];
  if (gauge == nullptr) {
    gauge = &impl_->kms_check_ok.Add({{"kms_id", std::string(kms_id)}});
  }
  gauge->Set(is_ok ? 1 : 0);
}

void Metrics::RemoveKmsCheck(std::string_view kms_id) {
  const absl::MutexLock lock(&impl_->mutex);
  if (const auto found = impl_->kms_checks.find(kms_id); found != impl_->kms_checks.end()) {
    impl_->kms_check_ok.Remove(found->second);
    impl_->kms_checks.erase(found);
  }
}

Result<std::uint16_t> Metrics::Serve(const std::string& address) {
  RBDCRYPT_CHECK(impl_->exposer == nullptr);
  const CivetCallbacks callbacks = Callbacks();
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/2, &callbacks);
    exposer->RegisterCollectable(impl_->registry);
    const auto port = static_cast<std::uint16_t>(exposer->GetListeningPorts().at(0));
    impl_->exposer = std::move(exposer);
    return port;
  } catch (const std::exception& error) {
    return Unavailable(
        Cat("metrics cannot be served on ", address, " (", error.what(), "); is it in use?"));
  }
}

std::string Metrics::TextForTest() const {
  return prometheus::TextSerializer().Serialize(impl_->registry->Collect());
}

}  // namespace rbdcrypt
