// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/ceph_errors.h"

#include <cerrno>
#include <cstdlib>

#include "base/strings.h"

namespace rbdcrypt::rbd {

Status FromRados(int result, std::string_view message, SourceLocation where) {
  const int error = std::abs(result);
  switch (error) {
    case ESHUTDOWN:
      return Aborted(Cat(message, ": this client was fenced; retry over a new connection"), where);
    case ECANCELED:
      return Aborted(Cat(message, ": somebody else changed it in between; retry"), where);
    case EROFS:
      return FailedPrecondition(Cat(message, ": it is open for reading only"), where);
    case ETIMEDOUT:
      return Unavailable(Cat(message, ": the cluster did not answer in time; check its health"),
                         where);
    case EOPNOTSUPP:
      return Unimplemented(Cat(message, ": not offered by this cluster or image"), where);
    default:
      return FromErrno(error, message, where);
  }
}

}  // namespace rbdcrypt::rbd
