// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>

#include "tests/fakes/fake_cluster.h"

namespace rbdcrypt::testing {

// Puts a state that ceph-csi left (tests/vectors/ceph-csi/SOURCE) into pool "rbd": its journal
// objects, and its images with their metadata. The images hold no bytes, and have ids of their own.
void LoadRecording(FakeCeph& ceph, const std::string& file);

}  // namespace rbdcrypt::testing
