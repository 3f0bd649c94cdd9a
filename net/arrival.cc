// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/arrival.h"

namespace rbdcrypt::net {
namespace {

// A payload, since those survive Annotate().
constexpr char kNeverArrivedPayload[] = "rbdcrypt/never-arrived";

}  // namespace

bool MayHaveArrived(const Status& status) {
  return !status.GetPayload(kNeverArrivedPayload).has_value();
}

Status NeverArrived(Status status) {
  status.SetPayload(kNeverArrivedPayload, absl::Cord());
  return status;
}

}  // namespace rbdcrypt::net
