// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/metadata_dek_store.h"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/strings.h"
#include "rbd/names.h"
#include "tests/contract/dek_store_contract.h"
#include "tests/fakes/fake_cluster.h"
#include "tests/fakes/fake_kms.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The store of one image at a time, as a volume has it; wrapped by a real key ring.
class MetadataWorld final : public DekStoreWorld {
 public:
  MetadataWorld() { NewVolume(); }

  kms::DekStore& store() override { return switching_; }

  // Each volume has an image, and its store another.
  std::string NewVolume() override {
    const std::string name = Cat("volume-", ++volumes_);
    EXPECT_THAT(ceph_.Admin().images().Create(name, {.size_bytes = 1 << 20}), IsOk());
    images_.push_back(*pool_->images().Open(name, rbd::OpenMode::kReadWrite));
    switching_.Add(name, *images_.back(), kms_);
    return name;
  }

  rbd::Image& image() { return *images_.back(); }

  std::vector<std::string> effects() const { return ceph_.effects(); }

  FakeWrappingKms& kms() { return kms_; }

 private:
  // One store to the contract, by volume ID.
  class Switching final : public kms::DekStore {
   public:
    void Add(const std::string& volume, rbd::Image& image, FakeWrappingKms& kms) {
      stores_.try_emplace(volume, image, kms, kms.id());
    }

    bool CanCompareAndSet() const override { return stores_.begin()->second.CanCompareAndSet(); }

    Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume) override {
      return Of(volume).Fetch(context, volume);
    }

    Result<std::string> Create(const Context& context,
                               std::string_view volume,
                               const Secret& dek) override {
      return Of(volume).Create(context, volume, dek);
    }

    Result<std::string> Replace(const Context& context,
                                std::string_view volume,
                                std::string_view version,
                                const Secret& dek) override {
      return Of(volume).Replace(context, volume, version, dek);
    }

    Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume) override {
      return Of(volume).FetchPrevious(context, volume);
    }

    Status RemovePrevious(const Context& context, std::string_view volume) override {
      return Of(volume).RemovePrevious(context, volume);
    }

    Status Remove(const Context& context, std::string_view volume) override {
      return Of(volume).Remove(context, volume);
    }

   private:
    rbd::MetadataDekStore& Of(std::string_view volume) { return stores_.find(volume)->second; }

    std::map<std::string, rbd::MetadataDekStore, std::less<>> stores_;
  };

  FakeClock clock_;
  FakeCeph ceph_{clock_};
  std::unique_ptr<FakeProcess> process_ = ceph_.StartProcess();
  std::shared_ptr<rbd::Connection> connection_ =
      *process_->Shared({}, {.user = "csi", .key = Secret()});
  std::unique_ptr<rbd::Pool> pool_ = *connection_->OpenPool("rbd", "");
  FakeWrappingKms kms_{"wrap"};
  std::list<std::unique_ptr<rbd::Image>> images_;
  int volumes_ = 0;
  Switching switching_;
};

INSTANTIATE_TEST_SUITE_P(Metadata,
                         DekStoreContract,
                         ::testing::Values(DekStoreCase{
                             "metadata", [] { return std::make_unique<MetadataWorld>(); }}),
                         DekStoreContract::Name);

// One operation: no crash leaves the one without the other.
TEST(MetadataDekStoreTest, ReplaceSetsBothTextsInOneOperation) {
  MetadataWorld world;
  const std::string volume = world.NewVolume();
  const Context context = Context::Background();
  ASSERT_OK_AND_ASSIGN(const std::string first,
                       world.store().Create(context, volume, Secret("a first DEK")));
  ASSERT_OK_AND_ASSIGN(const std::string text, world.image().GetMetadata(rbd::kMetaDek));
  const std::size_t before = world.effects().size();
  ASSERT_THAT(world.store().Replace(context, volume, first, Secret("a second DEK")), IsOk());
  EXPECT_EQ(world.effects().size(), before + 1);
  EXPECT_THAT(world.image().GetMetadata(rbd::kMetaPreviousDek), IsOkAndHolds(text));
}

// ceph-csi's older key is read where the present one is empty, and a removal takes both.
TEST(MetadataDekStoreTest, OlderKeyIsReadAndRemoved) {
  MetadataWorld world;
  const std::string volume = world.NewVolume();
  const Context context = Context::Background();
  ASSERT_THAT(world.store().Create(context, volume, Secret("a DEK of long ago")), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string text, world.image().GetMetadata(rbd::kMetaDek));
  ASSERT_THAT(world.image().SetMetadata(rbd::kMetaDekLegacy, text), IsOk());
  ASSERT_THAT(world.image().SetMetadata(rbd::kMetaDek, ""), IsOk());
  ASSERT_OK_AND_ASSIGN(const kms::StoredDek stored, world.store().Fetch(context, volume));
  EXPECT_EQ(stored.dek.RevealText(), "a DEK of long ago");
  ASSERT_THAT(world.store().Remove(context, volume), IsOk());
  EXPECT_THAT(world.store().Fetch(context, volume), StatusIs(Code::kNotFound));
  EXPECT_THAT(world.image().GetMetadata(rbd::kMetaDekLegacy), StatusIs(Code::kNotFound));
}

// Only Create finds out whether a DEK is stored: one that cannot be unwrapped is one.
TEST(MetadataDekStoreTest, DekThatCannotBeUnwrappedIsNeverReplacedByACreate) {
  MetadataWorld world;
  const std::string volume = world.NewVolume();
  const Context context = Context::Background();
  ASSERT_THAT(world.store().Create(context, volume, Secret("a DEK of a KEK")), IsOk());
  world.kms().RotateKek();
  world.kms().PruneKek(1);
  EXPECT_THAT(world.store().Fetch(context, volume), StatusIs(Code::kNotFound));
  EXPECT_THAT(world.store().Create(context, volume, Secret("another DEK of it")),
              StatusIs(Code::kAlreadyExists));
}

TEST(MetadataDekStoreTest, DamagedTextIsDataLossAndNotQuoted) {
  MetadataWorld world;
  const std::string volume = world.NewVolume();
  ASSERT_THAT(world.image().SetMetadata(rbd::kMetaDek, "no text of this provider"), IsOk());
  EXPECT_THAT(world.store().Fetch(Context::Background(), volume),
              StatusIs(Code::kDataLoss, Not(HasSubstr("no text of"))));
}

}  // namespace
}  // namespace rbdcrypt::testing
