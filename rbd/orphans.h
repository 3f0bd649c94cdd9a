// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "rbd/cluster.h"

namespace rbdcrypt::rbd {

// Something in a pool that nothing points at.
struct Orphan {
  // "image", "journal-object", "directory-key", "trash" or "lock-object".
  std::string kind;
  // The image, object, or "object key".
  std::string name;
  // Why nothing points at it, and what it may still hold: "DEK in its metadata".
  std::string reason;
};

// Compares journal, images, trash and lock objects of one pool and namespace with one another:
//
//   image            csi-vol-…/csi-snap-… of no journal object
//   journal-object   csi.volume.<uuid> or csi.snap.<uuid> without directory key, or whose image is
//                    gone
//   directory-key    of csi.volumes.<instance> or csi.snaps.<instance>, to a missing object
//   trash            an image of such a name, waiting there
//   lock-object      named like a volume ID whose journal object is gone
//
// Where journal and images have pools of their own, the other pool is looked into as well
// (ceph-csi-compat 2.1). DEKs that a wrapping provider keeps in image metadata are found with their
// image. Images of other names are nobody's business here. A volume in the making looks like an
// orphan; so look twice, or while nothing is being created. Reads the whole pool; changes nothing.
Result<std::vector<Orphan>> FindOrphans(const Context& context,
                                        Connection& connection,
                                        Pool& pool,
                                        const std::string& instance);

}  // namespace rbdcrypt::rbd
