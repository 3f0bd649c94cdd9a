// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/map_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

using rbdcrypt::testing::IsOkAndHolds;
using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

TEST(MapOptionsTest, SplitsPerMapper) {
  const struct {
    const char* text;
    MapOptions expected;
  } kRows[] = {
      {"", {"", ""}},
      {"lock_on_read", {"lock_on_read", ""}},
      {"krbd:a,b;nbd:c,d", {"a,b", "c,d"}},
      {"nbd:c;krbd:a", {"a", "c"}},
      {" krbd:a ; nbd:c ;", {"a", "c"}},
      {"KRBD:a;Nbd:c", {"a", "c"}},
      {"a,b;nbd:c", {"a,b", "c"}},
      {"krbd:crush_location=host:x", {"crush_location=host:x", ""}},
      {"krbd:a;krbd:b", {"b", ""}},
  };

  for (const auto& row : kRows) {
    EXPECT_THAT(ParseMapOptions("mapOptions", row.text), IsOkAndHolds(row.expected)) << row.text;
  }
}

TEST(MapOptionsTest, RefusesOtherMappersAndBlanksWithin) {
  for (const char* text : {"fuse:a", ":a", "krbd:a b", "krbd:a\nb"}) {
    EXPECT_THAT(ParseMapOptions("unmapOptions", text),
                StatusIs(Code::kInvalidArgument, HasSubstr("unmapOptions")))
        << text;
  }
}

TEST(MapOptionsTest, AnAttacherGetsItsOwn) {
  const MapOptions options = {.krbd = "a", .nbd = "b"};
  EXPECT_EQ(options.For("krbd"), "a");
  EXPECT_EQ(options.For("nbd"), "b");
  EXPECT_EQ(options.For("qemu"), "");
}

}  // namespace
}  // namespace rbdcrypt::csi
