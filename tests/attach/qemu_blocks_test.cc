// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_blocks.h"

#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/attach/qmp_server.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::attach {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::QmpServer;
using ::rbdcrypt::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A daemon's nodes: what is added has the size of the image, seen through its own encryption.
struct FakeNodes {
  std::uint64_t raw_bytes = 64;
  std::uint64_t header_bytes = 16;
  std::uint64_t disk_bytes = 48;
  // What the image has once qemu has resized it, if not what was asked for.
  std::uint64_t raw_after_resize = 0;

  std::string Answer(const std::string& line) {
    const Json request = *ParseJson(line, "request");
    const Json& arguments = request["arguments"];
    if (request["execute"] == "query-named-block-nodes") {
      const Json nodes = {Node("disk", disk_bytes), Node("probe", raw_bytes)};
      return Json({{"return", nodes}}).dump();
    }
    if (request["execute"] == "block_resize") {
      const auto asked = arguments["size"].get<std::uint64_t>();
      raw_bytes = raw_after_resize == 0 ? asked : raw_after_resize;
      disk_bytes = asked - header_bytes;
    }
    return R"({"return": {}})";
  }

  static Json Node(const char* name, std::uint64_t size_bytes) {
    return {{"node-name", name}, {"image", {{"virtual-size", size_bytes}}}};
  }
};

struct World {
  FakeNodes nodes;
  QmpServer server{[this](const std::string& line) { return nodes.Answer(line); }};
  Context context = Context::Background();
  Result<QmpClient> client = QmpClient::Connect(context, server.SocketPath());
  QemuRecord record{.volume_id = "0001",
                    .pool = "rbd",
                    .rados_namespace = "tenants",
                    .image = "image",
                    .monitors = {"10.0.0.1:6789", "10.0.0.2:7000"},
                    .user = "csi",
                    .encrypted = true,
                    .read_only = false,
                    .data_offset_bytes = 16,
                    .loop_device = ""};

  // The arguments of the n-th request.
  Json Arguments(std::size_t n) const {
    return (*ParseJson(server.Lines().at(n), "request"))["arguments"];
  }
};

TEST(QemuBlocksTest, OpensTheEncryptedImageBelowTheNodeThatRefusesDiscards) {
  World world;
  ASSERT_THAT(OpenImage(world.context, *world.client, world.record), IsOk());
  const Json image = world.Arguments(0);
  EXPECT_EQ(image["driver"], "rbd");
  EXPECT_EQ(image["namespace"], "tenants");
  EXPECT_EQ(image["encrypt"]["format"], "luks2");
  EXPECT_EQ(image["server"], Json::parse(R"([{"host":"10.0.0.1","port":"6789"},
                                             {"host":"10.0.0.2","port":"7000"}])"));
  const Json disk = world.Arguments(1);
  EXPECT_EQ(disk["image"], image["node-name"]);
  EXPECT_EQ(disk["inject-error"][0]["iotype"], "discard");
  EXPECT_EQ(disk["inject-error"][0]["errno"], ENOSYS);
}

TEST(QemuBlocksTest, PlainImageIsNotDecrypted) {
  World world;
  world.record.encrypted = false;
  world.record.rados_namespace = "";
  ASSERT_THAT(OpenImage(world.context, *world.client, world.record), IsOk());
  EXPECT_FALSE(world.Arguments(0).contains("encrypt"));
  EXPECT_FALSE(world.Arguments(0).contains("namespace"));
}

TEST(QemuBlocksTest, ReadOnlyHoldsOnEveryLayer) {
  World world;
  world.record.read_only = true;
  ASSERT_THAT(OpenImage(world.context, *world.client, world.record), IsOk());
  ASSERT_THAT(ExportDisk(world.context, *world.client, "/export", true), IsOk());
  EXPECT_EQ(world.Arguments(0)["read-only"], true);
  EXPECT_EQ(world.Arguments(1)["read-only"], true);
  EXPECT_EQ(world.Arguments(2)["writable"], false);
}

TEST(QemuBlocksTest, KeyThatIsNoBase64IsRefusedBeforeAnythingIsSent) {
  World world;
  EXPECT_THAT(
      GiveSecrets(world.context, *world.client, Secret(std::string_view("no key!")), nullptr),
      StatusIs(Code::kInvalidArgument, Not(HasSubstr("no key!"))));
  EXPECT_TRUE(world.server.Lines().empty());
}

TEST(QemuBlocksTest, GrowResizesToTheRawSize) {
  World world;
  world.nodes.raw_bytes = 96;
  EXPECT_THAT(GrowDisk(world.context, *world.client, world.record, 0), IsOkAndHolds(80U));
  std::string resize;
  for (const std::string& line : world.server.Lines()) {
    resize += line.find("block_resize") != std::string::npos ? line : "";
  }
  EXPECT_EQ(resize, R"({"arguments":{"node-name":"disk","size":96},"execute":"block_resize"})");
}

TEST(QemuBlocksTest, GrowReadsTheRawSizeWithoutDecryptionOrWriting) {
  World world;
  ASSERT_THAT(GrowDisk(world.context, *world.client, world.record, 0), IsOk());
  for (const std::string& line : world.server.Lines()) {
    const Json request = *ParseJson(line, "request");
    if (request["execute"] == "blockdev-add") {
      EXPECT_FALSE(request["arguments"].contains("encrypt"));
      EXPECT_EQ(request["arguments"]["read-only"], true);
    }
  }
}

// The size of every block_resize that was asked for.
std::vector<std::uint64_t> Resizes(const QmpServer& server) {
  std::vector<std::uint64_t> sizes;
  for (const std::string& line : server.Lines()) {
    const Json request = *ParseJson(line, "request");
    if (request["execute"] == "block_resize") {
      sizes.push_back(request["arguments"]["size"].get<std::uint64_t>());
    }
  }
  return sizes;
}

// 48 bytes behind a header of 16: a raw size of 50 is one that fell, although it is more than 48.
TEST(QemuBlocksTest, ImageSmallerThanWhatIsInUseIsNeverResized) {
  for (const std::uint64_t raw_bytes : {40, 50, 63}) {
    World world;
    world.nodes.raw_bytes = raw_bytes;
    EXPECT_THAT(GrowDisk(world.context, *world.client, world.record, 0),
                StatusIs(Code::kDataLoss, HasSubstr("64")));
    EXPECT_THAT(Resizes(world.server), IsEmpty());
  }
}

// Whoever reads the raw size before the controller's resize has arrived must not undo it.
TEST(QemuBlocksTest, GrowGoesNeitherBelowThePresentSizeNorBelowThePromisedOne) {
  World smaller;
  smaller.nodes.raw_bytes = 4096;
  EXPECT_THAT(GrowDisk(smaller.context, *smaller.client, smaller.record, 8192),
              IsOkAndHolds(8192U - 16U));
  EXPECT_THAT(Resizes(smaller.server), ElementsAre(8192U));
  World larger;
  larger.nodes.raw_bytes = 12288;
  EXPECT_THAT(GrowDisk(larger.context, *larger.client, larger.record, 8192),
              IsOkAndHolds(12288U - 16U));
  EXPECT_THAT(Resizes(larger.server), ElementsAre(12288U));
  World odd;
  EXPECT_THAT(GrowDisk(odd.context, *odd.client, odd.record, 8193), IsOk());
  EXPECT_THAT(Resizes(odd.server), ElementsAre(12288U));
}

TEST(QemuBlocksTest, UsableSizeThatFellIsSaid) {
  World world;
  world.nodes.header_bytes = 32;
  EXPECT_THAT(GrowDisk(world.context, *world.client, world.record, 0),
              StatusIs(Code::kDataLoss, HasSubstr("usable")));
}

TEST(QemuBlocksTest, RawSizeThatFellIsSaid) {
  World world;
  world.nodes.raw_bytes = 96;
  world.nodes.raw_after_resize = 80;
  EXPECT_THAT(GrowDisk(world.context, *world.client, world.record, 0),
              StatusIs(Code::kDataLoss, HasSubstr("96")));
}

}  // namespace
}  // namespace rbdcrypt::rbd::attach
