// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// What rbd/{cluster,omap,lock_table,image,image_store}.h promise, for the cluster in memory as for
// a real one. Include in one source of a test program and add, in namespace rbdcrypt::testing:
//
//   INSTANTIATE_TEST_SUITE_P(Fake, CephContract,
//                            ::testing::Values(CephCase{"fake", MakeWorld}), CephContract::Name);
//   INSTANTIATE_TEST_SUITE_P(Fake, CephImageContract,
//                            ::testing::Values(CephCase{"fake", MakeWorld}), CephContract::Name);
#include "tests/contract/ceph_connection_contract.h"  // IWYU pragma: export
#include "tests/contract/ceph_image_contract.h"       // IWYU pragma: export
#include "tests/contract/ceph_lock_contract.h"        // IWYU pragma: export
#include "tests/contract/ceph_omap_contract.h"        // IWYU pragma: export
