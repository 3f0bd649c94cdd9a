// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/context.h"
#include "base/in_order.h"
#include "base/status.h"
#include "rbd/cluster.h"
#include "rbd/encrypted_volume.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// What an image is to the drivers.
enum class ImageRole {
  // The journal names it: a volume's, or a snapshot's.
  kVolume,
  kSnapshot,
  // "<image>-temp" between a clone and its source (ceph-csi-compat 5.8). librbd gave it its
  // source's
  // metadata, so what DEK it has was wrapped for a volume that it does not name.
  kIntermediate,
  // No journal names it: static, orphaned, or deleted and waiting in the trash for its clones to
  // go.
  kUnknown,
};

// Where an image is listed.
struct ListedImage {
  std::string name;
  // RBD's id of one in the trash, where names may occur twice; "" outside of it.
  std::string trash_id = {};
};

// An image that has a DEK, had one, or is to have one.
struct EncryptedImage {
  ListedImage listed;
  ImageRole role = ImageRole::kUnknown;
  // What its DEK is kept for: the ID of the volume or snapshot, also where only the UUID in its
  // name tells. "" of an intermediate image, and of a name without UUID.
  std::string volume_id = {};
  // From the journal; "" where that names no key manager, or not this image.
  std::string kms_id = {};
  std::string owner = {};
  std::string encryption_type = {};
  // kDataLoss: a value that neither driver writes.
  Result<EncryptionState> state = EncryptionState::kNone;
  // The texts in its metadata, "" where there is none. Which store holds its DEK is decided by its
  // key manager all the same (safety B8): a clone may carry the text of what it was cloned from.
  std::string wrapped_dek = {};
  std::string previous_wrapped_dek = {};
  // Not OK: journal or image cannot be read, and what stands above is what was read before that.
  Status status = OkStatus();
};

struct EncryptedImagesOptions {
  // For the IDs of volumes: the clusterID of their StorageClass.
  std::string cluster_id;
  // Names up to this one are passed over: where an earlier walk ended. The trash is not.
  std::string after = {};
  // How many images are worked on at once.
  int threads = 8;
};

// What is done with one image, on one of several threads; what it returns is run on the caller's,
// in the order of the names. `image` is open for reading alone, and null where `found.status` is
// not OK; it is gone when this returns.
using ImageWork =
    std::function<InOrderReport(const Context& context, const EncryptedImage& found, Image* image)>;

// Walks all encrypted images of one pool and namespace: first those that are listed, in the order
// of their names, then the trash, in the order of names and ids, then what was listed meanwhile, so
// that nothing is missed that was moved to the trash or taken from it during the walk. Images that
// are gone by their turn are passed over, as are those that nothing calls encrypted. Changes
// nothing and leaves no watch on an image.
//
// Memory: the names of all images, which librbd lists in one piece, about 200 bytes each; all else
// is kept for the images that are worked on alone.
//
// An image that cannot be read is given to `work` with its status, like the others; where the
// cluster is silent for three in a row, the walk ends with that error. Others: of a report, of
// `context`, of listing images or trash. What was reported before stands.
Status ForEachEncryptedImage(const Context& context,
                             Pool& pool,
                             const EncryptedImagesOptions& options,
                             const ImageWork& work);

}  // namespace rbdcrypt::rbd
