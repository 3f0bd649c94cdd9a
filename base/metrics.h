// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt {

// Our metric names on prometheus-cpp. Thread safe; one per process, made in cmd/wiring and handed
// down. Label values come from small fixed sets: a metric of each combination is kept for ever.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // rbdcrypt_rpc_total{method,code} and rbdcrypt_rpc_seconds{method}.
  void CountRpc(std::string_view method, std::string_view code, double seconds);

  // rbdcrypt_rpc_in_flight: +1 when a call begins, -1 when it ends.
  void AddRpcInFlight(int change);

  // rbdcrypt_kms_requests_total{provider,operation,code}.
  void CountKms(std::string_view provider, std::string_view operation, std::string_view code);

  // rbdcrypt_events_total{event}: rare things worth an alert.
  //
  //   unreleased_dek             a delete could not reach a DEK in its key manager (safety B3)
  //   fenced_holder              a client with a holder record was shut out (safety G2)
  //   opened_with_previous_dek   a stage was served by the DEK before the current one (safety C)
  //   rotated_from_previous_dek  a rotation found that only that one opens the header (safety C)
  //   rpc_turned_away            the door had too many calls at work
  //   tls_not_verified           a key manager is spoken to without verifying who it is
  void CountEvent(std::string_view event);

  // rbdcrypt_kms_check_ok{kms_id}: 1 or 0, the outcome of the last preflight of a KMS entry.
  void SetKmsCheck(std::string_view kms_id, bool is_ok);

  // Forgets the entry's: it is no longer configured.
  void RemoveKmsCheck(std::string_view kms_id);

  // Serves /metrics and /healthz on `address` ("127.0.0.1:9090", port 0 picks one) until
  // destruction; returns the port. Called once. kUnavailable: the address cannot be bound.
  Result<std::uint16_t> Serve(const std::string& address);

  // The text exposition, for tests.
  std::string TextForTest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rbdcrypt
