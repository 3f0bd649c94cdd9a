// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/object_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::StatusIs;

Json Object(const std::string& name, int version) {
  return {{"metadata",
           {{"name", name}, {"namespace", "shop"}, {"resourceVersion", std::to_string(version)}}}};
}

WatchEvent Event(WatchEvent::Type type, const Json& object) {
  return {.type = type, .object = object};
}

// "A one 5": kind, name and version of each change.
std::vector<std::string> Texts(const Result<std::vector<ObjectChange>>& changes) {
  EXPECT_THAT(changes, testing::IsOk());
  std::vector<std::string> texts;
  for (const ObjectChange& change : changes.ok() ? *changes : std::vector<ObjectChange>()) {
    const char kinds[] = {'A', 'M', 'D'};
    texts.push_back(Cat(kinds[static_cast<int>(change.kind)], ' ', change.name.name, ' ',
                        change.object["metadata"]["resourceVersion"].get<std::string>()));
  }
  return texts;
}

TEST(ObjectCacheTest, AFirstListAddsAll) {
  ObjectCache cache;
  EXPECT_THAT(
      Texts(cache.Replace({.items = {Object("b", 2), Object("a", 1)}, .resource_version = "9"})),
      ElementsAre("A a 1", "A b 2"));
  EXPECT_EQ(cache.resource_version(), "9");
  EXPECT_EQ(cache.objects().size(), 2U);
}

TEST(ObjectCacheTest, ASecondListTellsWhatHappenedUnseen) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {Object("gone", 1), Object("same", 2), Object("new-version", 3)},
                       .resource_version = "5"}));
  EXPECT_THAT(Texts(cache.Replace(
                  {.items = {Object("same", 2), Object("new-version", 7), Object("added", 8)},
                   .resource_version = "9"})),
              ElementsAre("D gone 1", "A added 8", "M new-version 7"));
  EXPECT_EQ(cache.objects().size(), 3U);
}

TEST(ObjectCacheTest, EventsMoveTheSetAndItsVersion) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {}, .resource_version = "5"}));
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kAdded, Object("a", 6)))),
              ElementsAre("A a 6"));
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kModified, Object("a", 7)))),
              ElementsAre("M a 7"));
  EXPECT_EQ(cache.resource_version(), "7");
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kDeleted, Object("a", 8)))),
              ElementsAre("D a 8"));
  EXPECT_EQ(cache.resource_version(), "8");
  EXPECT_THAT(cache.objects(), IsEmpty());
}

TEST(ObjectCacheTest, WhatIsKnownIsToldOnce) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {Object("a", 5)}, .resource_version = "5"}));
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kAdded, Object("a", 5)))), IsEmpty());
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kDeleted, Object("b", 6)))), IsEmpty());
}

// An object of an incarnation of its own.
Json ObjectOf(const std::string& uid, int version) {
  Json object = Object("a", version);
  object["metadata"]["uid"] = uid;
  return object;
}

TEST(ObjectCacheTest, AnotherObjectOfTheSameNameIsNoModification) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {ObjectOf("u1", 5)}, .resource_version = "5"}));
  EXPECT_THAT(Texts(cache.Replace({.items = {ObjectOf("u2", 9)}, .resource_version = "9"})),
              ElementsAre("D a 5", "A a 9"));
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kAdded, ObjectOf("u3", 12)))),
              ElementsAre("D a 9", "A a 12"));
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kModified, ObjectOf("u3", 13)))),
              ElementsAre("M a 13"));
  EXPECT_EQ(cache.objects().size(), 1U);
}

TEST(ObjectCacheTest, ABookmarkMovesTheVersionAlone) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {Object("a", 5)}, .resource_version = "5"}));
  const Json bookmark = {{"metadata", {{"resourceVersion", "90"}}}};
  EXPECT_THAT(Texts(cache.Apply(Event(WatchEvent::Type::kBookmark, bookmark))), IsEmpty());
  EXPECT_EQ(cache.resource_version(), "90");
  EXPECT_EQ(cache.objects().size(), 1U);
}

TEST(ObjectCacheTest, AnObjectWithoutANameChangesNothing) {
  ObjectCache cache;
  Texts(cache.Replace({.items = {Object("a", 5)}, .resource_version = "5"}));
  EXPECT_THAT(cache.Apply(Event(WatchEvent::Type::kAdded, {{"metadata", {{"name", 7}}}})),
              StatusIs(Code::kInternal));
  EXPECT_THAT(cache.Replace({.items = {Json::object()}, .resource_version = "9"}),
              StatusIs(Code::kInternal));
  EXPECT_EQ(cache.objects().size(), 1U);
  EXPECT_EQ(cache.resource_version(), "5");
}

}  // namespace
}  // namespace rbdcrypt::k8s
