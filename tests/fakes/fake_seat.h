// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/fakes/fake_cluster.h"

namespace rbdcrypt::testing {

// Who looks at which part of a FakeCeph: a client, and the space of one pool and namespace.
struct FakeSeat {
  FakeCeph& ceph;
  std::shared_ptr<const FakeClient> client;
  std::int64_t pool_id = 0;
  std::string rados_namespace;

  // As FakeCeph::Ask and Change, on this space. kNotFound: the pool was removed.
  Status Ask(const std::function<Status(FakeSpace& space)>& question) const;
  Status Change(const std::function<Result<FakeEffect>(FakeSpace& space)>& plan) const;
};

}  // namespace rbdcrypt::testing
