// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/monitors.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

// "v2:host:port v1:host:port" in the order found.
std::string Shown(const std::vector<std::string>& entries) {
  const auto monitors = ParseMonitors(entries);
  if (!monitors.ok()) {
    return Message(monitors.status());
  }
  std::vector<std::string> shown;
  for (const MonitorAddress& monitor : *monitors) {
    const bool is_msgr2 = monitor.protocol == MonitorProtocol::kMsgr2;
    shown.push_back(Cat(is_msgr2 ? "v2:" : "v1:", monitor.host, ":", monitor.port));
  }
  return Join(shown, " ");
}

TEST(MonitorsTest, WellKnownPortsSayTheProtocol) {
  EXPECT_EQ(Shown({"10.0.0.1:6789"}), "v1:10.0.0.1:6789");
  EXPECT_EQ(Shown({"10.0.0.1:3300"}), "v2:10.0.0.1:3300");
}

TEST(MonitorsTest, WithoutAPortBothAreMeantAndAnotherPortMayBeEither) {
  EXPECT_EQ(Shown({"mon.a"}), "v2:mon.a:3300 v1:mon.a:6789");
  EXPECT_EQ(Shown({"mon.a:7000"}), "v2:mon.a:7000 v1:mon.a:7000");
}

TEST(MonitorsTest, AddressVectorsAndNoncesAreRead) {
  EXPECT_EQ(Shown({"[v2:10.0.0.1:3301/0,v1:10.0.0.1:6790/0]"}),
            "v2:10.0.0.1:3301 v1:10.0.0.1:6790");
  EXPECT_EQ(Shown({"v1:10.0.0.1:3300"}), "v1:10.0.0.1:3300");
  EXPECT_EQ(Shown({"10.0.0.1:6789,10.0.0.2:6789", "10.0.0.3:6789"}),
            "v1:10.0.0.1:6789 v1:10.0.0.2:6789 v1:10.0.0.3:6789");
}

TEST(MonitorsTest, Ipv6IsReadWithAndWithoutPort) {
  EXPECT_EQ(Shown({"[::1]:6789"}), "v1:::1:6789");
  EXPECT_EQ(Shown({"[::1]"}), "v2:::1:3300 v1:::1:6789");
  EXPECT_EQ(Shown({"[v2:[::1]:3300,v1:[::1]:6789]"}), "v2:::1:3300 v1:::1:6789");
}

TEST(MonitorsTest, NonsenseIsRefusedByName) {
  for (const char* entry : {"10.0.0.1:port", "10.0.0.1:65536", ":6789", "[::1", "[::1]6789"}) {
    EXPECT_THAT(ParseMonitors({entry}), StatusIs(Code::kInvalidArgument, HasSubstr(entry)));
  }
  EXPECT_THAT(ParseMonitors({}), StatusIs(Code::kInvalidArgument, HasSubstr("config.json")));
  EXPECT_THAT(ParseMonitors({"", " "}), StatusIs(Code::kInvalidArgument));
}

TEST(MonitorsTest, KernelListHasNumbersOfOneProtocolOnly) {
  ASSERT_OK_AND_ASSIGN(const auto monitors, ParseMonitors({"127.0.0.1", "[::1]:6789"}));
  EXPECT_THAT(KernelMonitorList(monitors, MonitorProtocol::kLegacy),
              IsOkAndHolds("127.0.0.1:6789,[::1]:6789"));
  EXPECT_THAT(KernelMonitorList(monitors, MonitorProtocol::kMsgr2), IsOkAndHolds("127.0.0.1:3300"));
}

TEST(MonitorsTest, KernelListWithoutTheProtocolNamesTheOption) {
  ASSERT_OK_AND_ASSIGN(const auto monitors, ParseMonitors({"127.0.0.1:3300"}));
  EXPECT_THAT(KernelMonitorList(monitors, MonitorProtocol::kLegacy),
              StatusIs(Code::kInvalidArgument, HasSubstr("ms_mode")));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
