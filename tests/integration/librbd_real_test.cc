// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// What only a real cluster shows of rbd/librbd_*: snapshots, clones, the exclusive lock of a dead
// client, the manager. Interfaces as such are tested by the contract.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "rbd/manager_task.h"
#include "rbd/rados_connection.h"
#include "tests/integration/real_ceph.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd {
namespace {

using ::rbdcrypt::testing::ChildProcess;
using ::rbdcrypt::testing::Eventually;
using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;
using ::rbdcrypt::testing::RealCeph;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::StoppedDaemon;
using ::rbdcrypt::testing::StoppedThread;
using ::rbdcrypt::testing::TempDir;
using ::rbdcrypt::testing::UniqueName;
using ::testing::Contains;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kLayering = 1;
constexpr std::uint64_t kExclusiveLock = 4;
constexpr std::uint64_t kJournaling = 64;

// Longest that an OSD keeps the watch of a dead client (osd_client_watch_timeout), and some more.
constexpr std::chrono::seconds kWatchGone{45};

// The same where the OSD was told to keep it for 10 s only, as the suite does.
constexpr std::chrono::seconds kShortWatchGone{15};

std::vector<std::byte> Bytes(std::size_t size, int value) {
  return std::vector<std::byte>(size, static_cast<std::byte>(value));
}

class LibrbdRealTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ceph_ = RealCeph::FromEnvironment();
    if (!ceph_.has_value()) {
      GTEST_SKIP() << RealCeph::WhyAbsent();
    }
    connection_ = ceph_->Connect();
    pool_ = OpenPool(*connection_);
    name_ = UniqueName("librbd");
  }

  void TearDown() override {
    if (pool_ == nullptr) {
      return;
    }
    const std::vector<std::string> left = *images().List();
    for (const std::string& image : left) {
      if (image.starts_with(name_)) {
        FenceWatchers(image);
        EXPECT_THAT(images().MoveToTrash(image), IsOk());
      }
    }
    Purge(name_);
  }

  static std::unique_ptr<Pool> OpenPool(Connection& connection) {
    return *connection.OpenPool("rbd", "");
  }

  ImageStore& images() { return pool_->images(); }

  void MakeImage(std::uint64_t features, std::uint64_t size_bytes = 64 * kMiB) {
    ASSERT_THAT(images().Create(name_, {.size_bytes = size_bytes, .features = features}), IsOk());
  }

  std::unique_ptr<Image> OpenImage(OpenMode mode = OpenMode::kReadWrite) {
    return *images().Open(name_, mode);
  }

  // `rbd bench`, once it owns the exclusive lock of the image.
  std::unique_ptr<ChildProcess> StartOwner() {
    auto owner = std::make_unique<ChildProcess>(
        std::vector<std::string>{"rbd", "--id", "csi", "bench", "--io-type", "write", "--io-size",
                                 "4096", "--io-threads", "1", "--io-total", "1T", "rbd/" + name_});
    EXPECT_TRUE(Eventually(std::chrono::seconds(20), [this] { return !OwnerAddress().empty(); }));
    return owner;
  }

  std::string OwnerAddress() {
    const std::string locks = RealCeph::Admin(Cat("rbd lock ls rbd/", name_));
    const std::size_t at = locks.find("127.0.0.1:0/");
    return at == std::string::npos ? "" : std::string(Trim(locks.substr(at)));
  }

  // Leaves the watch of a client that died while the OSD wrote its request down.
  void LeakWatch(Image& image) {
    const TempDir dir;
    const std::string program = Cat(R"(
import os, pathlib, rados, time
with rados.Rados(conffile=os.environ["CEPH_CONF"], name="client.admin") as cluster:
    pool, header = cluster.open_ioctx("rbd"), "rbd_header.)",
                                    image.Id(), R"("
    pool.stat(header)
    here = pathlib.Path(")",
                                    dir.path(), R"(")
    (here / "ready").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    pool.watch(header, lambda *_: None)
)");
    ChildProcess client({"/usr/bin/python3", "-c", program});
    ASSERT_TRUE(Eventually(std::chrono::seconds(20),
                           [&] { return std::filesystem::exists(dir.path() + "/ready"); }));
    const StoppedThread commits("osd.0", "bstore_kv_sync");
    std::ofstream(dir.path() + "/go");
    std::this_thread::sleep_for(std::chrono::seconds(1));
    client.Kill();
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }

  static std::vector<std::string> Others(Image& image) {
    std::vector<std::string> others;
    const std::vector<Watcher> watchers = *image.Watchers();
    for (const Watcher& watcher : watchers) {
      if (!watcher.is_self) {
        others.push_back(watcher.address);
      }
    }
    return others;
  }

  bool HasTrash(std::string_view name) {
    const std::vector<TrashEntry> trash = *images().ListTrash();
    return std::any_of(trash.begin(), trash.end(),
                       [name](const TrashEntry& entry) { return entry.name == name; });
  }

  // A killed client would otherwise be a watcher for another 30 s.
  void FenceWatchers(const std::string& image_name) {
    const std::vector<Watcher> watchers =
        *(*images().Open(image_name, OpenMode::kReadOnly))->Watchers();
    for (const Watcher& watcher : watchers) {
      EXPECT_THAT(connection_->Blocklist(watcher.address, std::chrono::seconds(60)), IsOk());
    }
  }

  void Purge(std::string_view prefix) {
    const std::vector<TrashEntry> trash = *images().ListTrash();
    for (const TrashEntry& entry : trash) {
      if (entry.name.starts_with(prefix)) {
        EXPECT_THAT(images().PurgeFromTrash(entry.id), IsOk());
      }
    }
  }

  std::optional<RealCeph> ceph_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Pool> pool_;
  std::string name_;
};

TEST_F(LibrbdRealTest, WriteAsksLiveOwnerForItsLock) {
  MakeImage(kLayering | kExclusiveLock);
  const auto owner = StartOwner();
  const auto image = OpenImage();
  EXPECT_THAT(image->Write(0, Bytes(4096, 7)), IsOk());
  EXPECT_THAT(image->Flush(), IsOk());
}

TEST_F(LibrbdRealTest, WriteRefusesOwnerThatStopped) {
  MakeImage(kLayering | kExclusiveLock);
  const auto owner = StartOwner();
  owner->Stop();
  const auto image = OpenImage();
  EXPECT_THAT(image->Write(0, Bytes(4096, 7)), StatusIs(Code::kAborted, HasSubstr("not answer")));
  const auto same = std::array<std::byte, 512>{};
  EXPECT_THAT(image->CompareAndWrite(0, same, same), StatusIs(Code::kAborted));
  owner->Signal(SIGCONT);
  // Its watch may have ended meanwhile: then it registers again before it can be asked.
  EXPECT_TRUE(Eventually(kWatchGone, [&] { return image->Write(0, Bytes(4096, 7)).ok(); }));
}

TEST_F(LibrbdRealTest, OwnerThatDiedKeepsItsLockUntilItIsFenced) {
  MakeImage(kLayering | kExclusiveLock);
  auto owner = StartOwner();
  const std::string address = OwnerAddress();
  owner->Kill();
  const auto image = OpenImage();
  ASSERT_TRUE(Eventually(kWatchGone, [&] { return image->Watchers()->size() == 1; }));
  EXPECT_THAT(image->Write(0, Bytes(4096, 7)), StatusIs(Code::kAborted, HasSubstr(address)));
  EXPECT_THAT(image->Grow(80 * kMiB), StatusIs(Code::kAborted));
  // Needs no lock: the holder record must be writable whoever died.
  EXPECT_THAT(image->SetMetadata("rbdcrypt/holder", "me"), IsOk());
  EXPECT_THAT(RealCeph::Admin("ceph osd blocklist ls"), Not(HasSubstr(address)));
  EXPECT_THAT(OwnerAddress(), Eq(address));

  ASSERT_THAT(connection_->Blocklist(address, std::chrono::seconds(60)), IsOk());
  EXPECT_THAT(image->Write(0, Bytes(4096, 7)), IsOk());
}

TEST_F(LibrbdRealTest, TrashTakesImageOfDeadOwnerWithoutFencingIt) {
  MakeImage(kLayering | kExclusiveLock);
  auto owner = StartOwner();
  const std::string address = OwnerAddress();
  EXPECT_THAT(images().MoveToTrash(name_), StatusIs(Code::kFailedPrecondition, HasSubstr(name_)));
  owner->Kill();
  const auto image = OpenImage(OpenMode::kReadOnly);
  ASSERT_TRUE(Eventually(kWatchGone, [&] { return image->Watchers()->empty(); }));
  EXPECT_THAT(images().MoveToTrash(name_), IsOk());
  EXPECT_THAT(RealCeph::Admin("ceph osd blocklist ls"), Not(HasSubstr(address)));
}

// Ceph keeps the watch of a client that was killed while it registered (rbd/image_watchers.h).
TEST_F(LibrbdRealTest, WatchThatRadosNeverDropsIsNobodysOnceItsClientIsFenced) {
  MakeImage(kLayering);
  const auto image = OpenImage();
  LeakWatch(*image);
  std::this_thread::sleep_for(kShortWatchGone);
  const std::vector<std::string> others = Others(*image);
  if (others.empty()) {
    GTEST_SKIP() << "this Ceph drops it, as 18.2.5 and later do";
  }
  ASSERT_THAT(others, SizeIs(1));
  ASSERT_THAT(connection_->Blocklist(others.front(), std::chrono::hours(1)), IsOk());
  EXPECT_THAT(Others(*image), IsEmpty());
  // Only a new peering frees the image of it for librbd's own removal.
  EXPECT_THAT(RealCeph::Admin(Cat("rbd status rbd/", name_)), HasSubstr(others.front()));
  RealCeph::Admin("ceph osd down 0");
  EXPECT_TRUE(Eventually(kWatchGone, [&] {
    return RealCeph::Admin(Cat("rbd status rbd/", name_)).find(others.front()) == std::string::npos;
  }));
}

TEST_F(LibrbdRealTest, TrashRefusesImageThatThisClientHasOpen) {
  MakeImage(kLayering);
  const auto image = OpenImage();
  EXPECT_THAT(images().MoveToTrash(name_), StatusIs(Code::kFailedPrecondition));
}

TEST_F(LibrbdRealTest, SmallImageIsGoneAfterPurge) {
  MakeImage(kLayering);
  const std::string id = OpenImage(OpenMode::kReadOnly)->Id();
  ASSERT_THAT(images().MoveToTrash(name_), IsOk());
  ASSERT_TRUE(HasTrash(name_));
  EXPECT_THAT(images().PurgeFromTrash(id), IsOk());
  EXPECT_FALSE(HasTrash(name_));
  EXPECT_THAT(images().PurgeFromTrash(id), IsOk());
}

TEST_F(LibrbdRealTest, LargeImageIsRemovedByManager) {
  MakeImage(kLayering, 4 * 1024 * kMiB);
  const std::string id = OpenImage(OpenMode::kReadOnly)->Id();
  ASSERT_THAT(images().MoveToTrash(name_), IsOk());
  EXPECT_THAT(images().PurgeFromTrash(id), IsOk());
  EXPECT_TRUE(Eventually(std::chrono::seconds(60), [this] { return !HasTrash(name_); }));
}

TEST_F(LibrbdRealTest, ManagerTakesTasksForTrashedImagesOnly) {
  const auto client = ceph_->ConnectClient(std::chrono::seconds(30));
  EXPECT_THAT(AddTrashRemoveTask(*client, "rbd/none"),
              StatusIs(Code::kNotFound, HasSubstr("none")));
  const auto tenants = *connection_->OpenPool("rbd", "tenants");
  ASSERT_THAT(tenants->images().Create(name_, {.size_bytes = kMiB}), IsOk());
  const std::string id = (*tenants->images().Open(name_, OpenMode::kReadOnly))->Id();
  ASSERT_THAT(tenants->images().MoveToTrash(name_), IsOk());
  EXPECT_THAT(AddTrashRemoveTask(*client, Cat("rbd/tenants/", id)), IsOk());
  EXPECT_TRUE(
      Eventually(std::chrono::seconds(60), [&] { return tenants->images().ListTrash()->empty(); }));
}

TEST_F(LibrbdRealTest, SilentManagerHasNotTakenTheTask) {
  const auto client = ceph_->ConnectClient(std::chrono::seconds(2));
  const StoppedDaemon manager("mgr.x");
  EXPECT_THAT(AddTrashRemoveTask(*client, "rbd/none"), StatusIs(Code::kUnavailable));
}

TEST_F(LibrbdRealTest, ImageThatClonesNeedIsLeftToManager) {
  MakeImage(kLayering);
  const std::string spec = Cat("rbd/", name_);
  RealCeph::Admin(Cat("rbd snap create --no-progress ", spec, "@s && rbd clone ",
                      "--rbd-default-clone-format 2 ", spec, "@s ", spec, "-clone && rbd snap rm ",
                      "--no-progress ", spec, "@s"));
  // Kept in the trash namespace for the clone, and still a snapshot.
  const auto image = OpenImage(OpenMode::kReadOnly);
  EXPECT_THAT(image->HasSnapshots(), IsOkAndHolds(true));
  ASSERT_THAT(images().MoveToTrash(name_), IsOk());
  EXPECT_THAT(images().PurgeFromTrash(image->Id()), IsOk());
  EXPECT_TRUE(HasTrash(name_));
  ASSERT_THAT(images().MoveToTrash(name_ + "-clone"), IsOk());
}

TEST_F(LibrbdRealTest, CreateClearsAwayHalfMadeImage) {
  RealCeph::Admin(Cat("printf '\\004\\000\\000\\000dead' | rados -p rbd put rbd_id.", name_, " -"));
  EXPECT_THAT(images().Open(name_, OpenMode::kReadOnly), StatusIs(Code::kNotFound));
  MakeImage(kLayering);
  EXPECT_THAT(OpenImage()->SizeBytes(), IsOkAndHolds(64 * kMiB));
  EXPECT_THAT(images().Create(name_, {.size_bytes = kMiB}), StatusIs(Code::kAlreadyExists));
}

TEST_F(LibrbdRealTest, CreateNamesTheFieldThatIsWrong) {
  EXPECT_THAT(images().Create(name_, {.size_bytes = kMiB, .object_size_bytes = 5000}),
              StatusIs(Code::kInvalidArgument, HasSubstr("objectSize")));
  EXPECT_THAT(images().Create(name_, {.size_bytes = kMiB, .stripe_count = 2}),
              StatusIs(Code::kInvalidArgument, HasSubstr("stripeUnit")));
  EXPECT_THAT(images().Create(name_, {.size_bytes = kMiB, .data_pool = "none"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("dataPool none")));
}

TEST_F(LibrbdRealTest, CreateUsesWholeLayout) {
  ASSERT_THAT(images().Create(name_, {.size_bytes = 64 * kMiB,
                                      .features = kLayering | kExclusiveLock,
                                      .data_pool = "rbd2",
                                      .stripe_unit_bytes = 65536,
                                      .stripe_count = 4,
                                      .object_size_bytes = kMiB}),
              IsOk());
  const std::string info = RealCeph::Admin(Cat("rbd info rbd/", name_));
  EXPECT_THAT(info, HasSubstr("order 20"));
  EXPECT_THAT(info, HasSubstr("data_pool: rbd2"));
  EXPECT_THAT(info, HasSubstr("stripe unit: 64 KiB"));
  EXPECT_THAT(info, HasSubstr("stripe count: 4"));
  EXPECT_THAT(info, HasSubstr("exclusive-lock"));
}

TEST_F(LibrbdRealTest, FirstExtentIsExactWithinObjectAndStopsAtFirst) {
  MakeImage(kLayering);
  const auto image = OpenImage();
  EXPECT_THAT(image->FirstExtentFrom(0), IsOkAndHolds(Eq(std::nullopt)));
  ASSERT_THAT(image->Write(0, Bytes(4096, 1)), IsOk());
  ASSERT_THAT(image->Write(18 * kMiB, Bytes(512, 1)), IsOk());
  ASSERT_THAT(image->Write(40 * kMiB, Bytes(512, 1)), IsOk());
  const auto behind_header = image->FirstExtentFrom(16 * kMiB);
  ASSERT_THAT(behind_header, IsOk());
  ASSERT_TRUE(behind_header->has_value());
  EXPECT_THAT((*behind_header)->offset_bytes, Eq(16 * kMiB));
  EXPECT_THAT((*behind_header)->length_bytes, Eq(2 * kMiB + 512));
  // From the middle of an object only the rest of it; nothing where it ends before.
  EXPECT_THAT((**image->FirstExtentFrom(17 * kMiB)).offset_bytes, Eq(17 * kMiB));
  EXPECT_THAT((**image->FirstExtentFrom(18 * kMiB + 512)).offset_bytes, Eq(40 * kMiB));
  EXPECT_THAT(image->FirstExtentFrom(40 * kMiB + 512), IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(image->FirstExtentFrom(1024 * kMiB), IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(LibrbdRealTest, FirstExtentSeesDataOfParent) {
  MakeImage(kLayering);
  ASSERT_THAT(OpenImage()->Write(20 * kMiB, Bytes(512, 1)), IsOk());
  const std::string spec = Cat("rbd/", name_);
  RealCeph::Admin(Cat("rbd snap create --no-progress ", spec, "@s && rbd clone ",
                      "--rbd-default-clone-format 2 ", spec, "@s ", spec, "-clone && rbd snap rm ",
                      "--no-progress ", spec, "@s"));
  const auto clone = *images().Open(name_ + "-clone", OpenMode::kReadOnly);
  EXPECT_THAT(clone->HasSnapshots(), IsOkAndHolds(false));
  EXPECT_THAT((**clone->FirstExtentFrom(16 * kMiB)).offset_bytes, Eq(20 * kMiB));
}

TEST_F(LibrbdRealTest, ReadsAreNotCachedWhateverTheImageSays) {
  MakeImage(kLayering);
  RealCeph::Admin(Cat("rbd config image set rbd/", name_, " rbd_cache true"));
  const auto reader = OpenImage();
  auto seen = Bytes(4096, 0);
  ASSERT_THAT(reader->Read(0, seen), IsOk());
  const auto other = ceph_->Connect();
  const auto other_pool = OpenPool(*other);
  const auto writer = *other_pool->images().Open(name_, OpenMode::kReadWrite);
  ASSERT_THAT(writer->Write(0, Bytes(4096, 9)), IsOk());
  ASSERT_THAT(writer->Flush(), IsOk());
  ASSERT_THAT(reader->Read(0, seen), IsOk());
  EXPECT_THAT(seen, Eq(Bytes(4096, 9)));
}

TEST_F(LibrbdRealTest, MetadataOfAnySizeAndNumberIsListed) {
  MakeImage(kLayering);
  const auto image = OpenImage();
  std::map<std::string, std::string> expected = {{"big", std::string(9000, 'x')}, {"empty", ""}};
  for (int i = 0; i < 150; ++i) {
    expected[Cat("key", i)] = Cat("value", i);
  }
  for (const auto& [key, value] : expected) {
    ASSERT_THAT(image->SetMetadata(key, value), IsOk());
  }
  EXPECT_THAT(image->ListMetadata(), IsOkAndHolds(Eq(expected)));
  EXPECT_THAT(image->GetMetadata("big"), IsOkAndHolds(Eq(expected["big"])));
  EXPECT_THAT(image->GetMetadata("empty"), IsOkAndHolds(Eq("")));
  EXPECT_THAT(image->SetMetadata("nul", std::string_view("a\0b", 3)),
              StatusIs(Code::kInvalidArgument));
}

TEST_F(LibrbdRealTest, MetadataIsWhatRbdSees) {
  MakeImage(kLayering | kExclusiveLock);
  const auto image = OpenImage();
  ASSERT_THAT(image->SetMetadata("rbd.csi.ceph.com/dek", "wrapped"), IsOk());
  const std::string meta = Cat("rbd image-meta get rbd/", name_, " rbd.csi.ceph.com/dek");
  EXPECT_THAT(RealCeph::Admin(meta), Eq("wrapped\n"));
  EXPECT_THAT(OwnerAddress(), Eq(""));
  ASSERT_THAT(image->RemoveMetadata("rbd.csi.ceph.com/dek"), IsOk());
  EXPECT_THAT(RealCeph::Admin(meta + " || true"), HasSubstr("No such file"));
}

TEST_F(LibrbdRealTest, MetadataOfJournaledImageGoesThroughItsLock) {
  MakeImage(kLayering | kExclusiveLock | kJournaling);
  const auto image = OpenImage();
  ASSERT_THAT(image->SetMetadata("k", "v"), IsOk());
  EXPECT_THAT(OwnerAddress(), Eq(connection_->OwnAddresses()->front()));
  EXPECT_THAT(image->GetMetadata("k"), IsOkAndHolds(Eq("v")));
  EXPECT_THAT(image->RemoveMetadata("k"), IsOk());
  EXPECT_THAT(image->RemoveMetadata("k"), IsOk());
}

TEST_F(LibrbdRealTest, MetadataOfRemovedImageLeavesNothingBehind) {
  MakeImage(kLayering);
  const auto image = OpenImage();
  RealCeph::Admin(Cat("rados -p rbd rm rbd_header.", image->Id()));
  EXPECT_THAT(image->SetMetadata("k", "v"), StatusIs(Code::kNotFound));
  EXPECT_THAT(pool_->omap().ObjectExists(Cat("rbd_header.", image->Id())), IsOkAndHolds(false));
  RealCeph::Admin(Cat("rados -p rbd rm rbd_id.", name_, "; rados -p rbd rmomapkey rbd_directory ",
                      "name_", name_, "; rados -p rbd rmomapkey rbd_directory id_", image->Id()));
}

TEST_F(LibrbdRealTest, ReadOnlyImageRefusesWritesAndHasNoWatcher) {
  MakeImage(kLayering);
  const auto image = OpenImage(OpenMode::kReadOnly);
  EXPECT_THAT(image->Watchers(), IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(image->Write(0, Bytes(512, 1)), StatusIs(Code::kFailedPrecondition));
  auto beyond = Bytes(2, 0);
  EXPECT_THAT(image->Read(64 * kMiB - 1, beyond), StatusIs(Code::kOutOfRange));
}

TEST_F(LibrbdRealTest, SpecOfNamespaceKeepsImagesApart) {
  const auto tenants = *connection_->OpenPool("rbd", "tenants");
  ASSERT_THAT(tenants->images().Create(name_, {.size_bytes = kMiB, .features = kLayering}), IsOk());
  EXPECT_THAT(images().List(), IsOkAndHolds(Not(Contains(name_))));
  const std::string id = (*tenants->images().Open(name_, OpenMode::kReadOnly))->Id();
  ASSERT_THAT(tenants->images().MoveToTrash(name_), IsOk());
  EXPECT_THAT(tenants->images().PurgeFromTrash(id), IsOk());
  EXPECT_THAT(tenants->images().ListTrash(), IsOkAndHolds(::testing::IsEmpty()));
}

}  // namespace
}  // namespace rbdcrypt::rbd
