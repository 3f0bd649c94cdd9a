// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// A volume that ceph-csi made with provider "kmip", from its image's metadata to its open header.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/luks/header.h"
#include "tests/kmip/kmip_world.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

// tests/vectors/kms/SOURCE.
const Json& Staged() {
  return KmipVectors()["recorded"][0];
}

Result<int> SlotThatOpens(KmipWorld& world) {
  ASSIGN_OR_RETURN(const std::string dek, world.Unwrap(Staged()["wrapped"].get<std::string>()));
  FakeHeaderIo io = rbd::luks::RecordedImage("../ceph-csi/headers/v-kmip.staged.zlib");
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(rbd::luks::Header header, rbd::luks::Header::Load(context, io));
  return header.TestPassphrase(context, Secret(dek));
}

TEST(KmipRecordedTest, ItsHeaderOpensWithTheDekThatTheServerDecrypts) {
  KmipWorld world;
  EXPECT_THAT(SlotThatOpens(world), IsOkAndHolds(0));
}

TEST(KmipRecordedTest, ItsHeaderOpensWithTheDekThatAFetchedKeyDecrypts) {
  KmipWorld world(NoCiphers());
  EXPECT_THAT(SlotThatOpens(world), IsOkAndHolds(0));
}

}  // namespace
}  // namespace rbdcrypt::testing
