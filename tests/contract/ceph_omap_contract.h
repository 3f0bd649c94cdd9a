// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

// The part of ceph_contract.h about omaps.
#include <string>

#include "base/strings.h"
#include "tests/contract/ceph_world.h"

namespace rbdcrypt::testing {

TEST_P(CephContract, OmapCreateMakesObjectWithAllValues) {
  ASSERT_THAT(omap().CreateObject(name(), {{"a", "1"}, {"b", "2"}}), IsOk());
  EXPECT_THAT(second_pool().omap().List(name(), ""),
              IsOkAndHolds(rbd::OmapValues{{"a", "1"}, {"b", "2"}}));
}

TEST_P(CephContract, OmapCreateLeavesExistingObjectAlone) {
  ASSERT_THAT(omap().CreateObject(name(), {{"a", "1"}}), IsOk());
  EXPECT_THAT(second_pool().omap().CreateObject(name(), {{"a", "2"}, {"b", "2"}}),
              StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"a", "1"}}));
}

TEST_P(CephContract, OmapObjectWithoutKeysExists) {
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
  ASSERT_THAT(omap().CreateObject(name(), {}), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(true));
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{}));
}

TEST_P(CephContract, OmapRemoveObjectCanBeRepeated) {
  ASSERT_THAT(omap().CreateObject(name(), {{"a", "1"}}), IsOk());
  EXPECT_THAT(omap().RemoveObject(name()), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
  EXPECT_THAT(omap().RemoveObject(name()), IsOk());
}

TEST_P(CephContract, OmapTellsMissingObjectAndKey) {
  EXPECT_THAT(omap().List(name(), ""), StatusIs(Code::kNotFound));
  EXPECT_THAT(omap().Get(name(), "a"), StatusIs(Code::kNotFound));
  ASSERT_THAT(omap().CreateObject(name(), {{"ab", "1"}}), IsOk());
  EXPECT_THAT(omap().Get(name(), "a"), StatusIs(Code::kNotFound));
  EXPECT_THAT(omap().Get(name(), "ab"), IsOkAndHolds(std::string("1")));
}

TEST_P(CephContract, OmapListTakesPrefix) {
  ASSERT_THAT(omap().CreateObject(name(), {{"csi.a", "1"}, {"csi.b", "2"}, {"other", "3"}}),
              IsOk());
  EXPECT_THAT(omap().List(name(), "csi."),
              IsOkAndHolds(rbd::OmapValues{{"csi.a", "1"}, {"csi.b", "2"}}));
}

TEST_P(CephContract, OmapListGoesOnAfterOnePage) {
  rbd::OmapValues values;
  for (int i = 0; i < 1100; ++i) {
    values[Cat("csi.volume.pvc-", i)] = Cat("value ", i);
  }
  ASSERT_THAT(omap().Set(name(), values), IsOk());
  EXPECT_THAT(omap().List(name(), "csi."), IsOkAndHolds(values));
}

TEST_P(CephContract, OmapSetMakesObjectAndKeepsOtherKeys) {
  ASSERT_THAT(omap().Set(name(), {{"a", "1"}}), IsOk());
  ASSERT_THAT(omap().Set(name(), {{"b", "2"}}), IsOk());
  ASSERT_THAT(omap().Set(name(), {{"a", "3"}}), IsOk());
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"a", "3"}, {"b", "2"}}));
}

TEST_P(CephContract, OmapSetOfNothingMakesObject) {
  ASSERT_THAT(omap().Set(name(), {}), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(true));
}

TEST_P(CephContract, OmapKeepsAnyBytesOfValues) {
  const std::string value("\0\xff\n/", 4);
  ASSERT_THAT(omap().Set(name(), {{"a", value}, {"empty", ""}}), IsOk());
  EXPECT_THAT(omap().Get(name(), "a"), IsOkAndHolds(value));
  EXPECT_THAT(omap().Get(name(), "empty"), IsOkAndHolds(std::string()));
}

TEST_P(CephContract, OmapSetNewMakesObjectAndWritesOnce) {
  ASSERT_THAT(omap().SetNew(name(), "a", "1"), IsOk());
  EXPECT_THAT(second_pool().omap().SetNew(name(), "a", "2"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(omap().SetNew(name(), "a", "1"), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(omap().Get(name(), "a"), IsOkAndHolds(std::string("1")));
}

TEST_P(CephContract, OmapSetNewRefusesKeyWithEmptyValue) {
  ASSERT_THAT(omap().Set(name(), {{"a", ""}}), IsOk());
  EXPECT_THAT(omap().SetNew(name(), "a", "1"), StatusIs(Code::kAlreadyExists));
}

TEST_P(CephContract, OmapCompareAndSetWritesAllWhereValueIsExpected) {
  ASSERT_THAT(omap().Set(name(), {{"guard", "old"}}), IsOk());
  ASSERT_THAT(omap().CompareAndSet(name(), "guard", "old", {{"guard", "new"}, {"a", "1"}}), IsOk());
  EXPECT_THAT(omap().CompareAndSet(name(), "guard", "old", {{"a", "2"}}), StatusIs(Code::kAborted));
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"a", "1"}, {"guard", "new"}}));
}

TEST_P(CephContract, OmapCompareAndSetWithoutObject) {
  EXPECT_THAT(omap().CompareAndSet(name(), "guard", "old", {{"a", "1"}}), StatusIs(Code::kAborted));
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
  EXPECT_THAT(omap().CompareAndSet(name(), "guard", "", {{"a", "1"}}), IsOk());
  EXPECT_THAT(omap().Get(name(), "a"), IsOkAndHolds(std::string("1")));
}

TEST_P(CephContract, OmapCompareAndSetWithEmptyExpectationMeansAbsent) {
  ASSERT_THAT(omap().CreateObject(name(), {{"a", "1"}}), IsOk());
  ASSERT_THAT(omap().CompareAndSet(name(), "guard", "", {{"guard", "new"}}), IsOk());
  EXPECT_THAT(omap().CompareAndSet(name(), "guard", "", {{"guard", "newer"}}),
              StatusIs(Code::kAborted));
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"a", "1"}, {"guard", "new"}}));
}

TEST_P(CephContract, OmapRemoveKeyComparesValue) {
  ASSERT_THAT(omap().Set(name(), {{"a", "1"}, {"b", "2"}}), IsOk());
  EXPECT_THAT(omap().RemoveKey(name(), "a", "2"), StatusIs(Code::kAborted));
  EXPECT_THAT(omap().Get(name(), "a"), IsOkAndHolds(std::string("1")));
  EXPECT_THAT(omap().RemoveKey(name(), "a", "1"), IsOk());
  EXPECT_THAT(omap().List(name(), ""), IsOkAndHolds(rbd::OmapValues{{"b", "2"}}));
}

TEST_P(CephContract, OmapRemoveKeyThatIsNotThereIsOkAndMakesNothing) {
  EXPECT_THAT(omap().RemoveKey(name(), "a", "1"), IsOk());
  EXPECT_THAT(omap().ObjectExists(name()), IsOkAndHolds(false));
  ASSERT_THAT(omap().CreateObject(name(), {}), IsOk());
  EXPECT_THAT(omap().RemoveKey(name(), "a", "1"), IsOk());
}

TEST_P(CephContract, OmapListsObjectsByPrefix) {
  ASSERT_THAT(omap().CreateObject(name() + ".1", {}), IsOk());
  ASSERT_THAT(omap().CreateObject(name() + ".2", {{"a", "1"}}), IsOk());
  EXPECT_THAT(second_pool().omap().ListObjects(name() + "."),
              IsOkAndHolds(::testing::UnorderedElementsAre(name() + ".1", name() + ".2")));
}

}  // namespace rbdcrypt::testing
