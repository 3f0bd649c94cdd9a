// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_seat.h"

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

Result<FakeSpace*> SpaceOf(const FakeSeat& seat, FakeCephModel& model) {
  FakeSpace* space = model.Space(seat.pool_id, seat.rados_namespace);
  if (space == nullptr) {
    return NotFound(Cat("pool ", seat.pool_id, " is gone"));
  }
  return space;
}

}  // namespace

Status FakeSeat::Ask(const std::function<Status(FakeSpace& space)>& question) const {
  return ceph.Ask(*client, [&](FakeCephModel& model) -> Status {
    ASSIGN_OR_RETURN(FakeSpace * space, SpaceOf(*this, model));
    return question(*space);
  });
}

Status FakeSeat::Change(const std::function<Result<FakeEffect>(FakeSpace& space)>& plan) const {
  return ceph.Change(*client, [&](FakeCephModel& model) -> Result<FakeEffect> {
    ASSIGN_OR_RETURN(FakeSpace * space, SpaceOf(*this, model));
    return plan(*space);
  });
}

}  // namespace rbdcrypt::testing
