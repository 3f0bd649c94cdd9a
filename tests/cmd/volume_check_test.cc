// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/volume_check.h"

#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/names.h"
#include "tests/rbd/volume_world.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

// `kms check wrap --cluster rook-ceph --pool rbd`, as a person and as a program read it.
class VolumeCheckTest : public ::testing::Test {
 protected:
  VolumeCheckTest() : driver_(world_.StartDriver("controller")) {
    options_.kms.kms_id = "wrap";
    options_.cluster.cluster_id = "rook-ceph";
  }

  std::string Create(const std::string& name, const std::string& kms_id = "wrap") {
    rbd::CreateVolumeSpec spec = testing::VolumeWorld::Spec(kms_id);
    spec.request_name = name;
    return driver_->Create(spec)->volume_id;
  }

  VolumeCheck Run() {
    text_.str("");
    rows_ = Json::array();
    VolumeCheck check = CheckVolumes(options_, world_.ceph.Admin(), world_.registry,
                                     [this](const auto& found, const auto& proof) {
                                       PrintProof(found, proof, text_);
                                       rows_.push_back(ProofJson(found, proof));
                                     });
    PrintVolumeCheck(check, text_);
    json_ = VolumeCheckJson(check, rows_);
    return check;
  }

  testing::VolumeWorld world_;
  const std::unique_ptr<testing::Driver> driver_;
  KmsCheckOptions options_;
  std::ostringstream text_;
  Json rows_;
  Json json_;
};

TEST_F(VolumeCheckTest, SaysHowManyVolumesWereProven) {
  Create("pvc-1");
  Create("pvc-2");
  Create("pvc-3", "store");
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(text_.str(),
              AllOf(HasSubstr("pool rbd of cluster rook-ceph\n"),
                    HasSubstr("  ok      2 volumes and snapshots: the DEK can be had\n"),
                    Not(HasSubstr("FAILED"))));
  EXPECT_EQ(json_, Json::parse(R"({"ok": true, "cluster": "rook-ceph", "pool": "rbd",
      "namespace": "", "opened": false, "proven": 2, "previousDek": 0, "unfinished": 0, "failed": 0,
      "leftOut": {}, "unknown": 0, "rows": [], "stopped": null})"));
  options_.open = true;
  Run();
  EXPECT_THAT(text_.str(), HasSubstr("the DEK can be had and opens the header\n"));
  EXPECT_EQ(json_["opened"], true);
}

TEST_F(VolumeCheckTest, ListsWhatCannotBeOpenedWithCodeAndReason) {
  const std::string volume_id = Create("pvc-1");
  world_.wrap->RotateKek();
  Create("pvc-2");
  world_.wrap->PruneKek(1);
  EXPECT_FALSE(Run().ok());
  const std::string image = world_.ImageName(volume_id);
  EXPECT_THAT(text_.str(),
              AllOf(HasSubstr("  FAILED  volume " + volume_id + ", image " + image +
                              ", tenant team-a\n          NOT_FOUND: "),
                    HasSubstr("  ok      1 volumes"), HasSubstr("  FAILED  1 cannot be opened\n")));
  EXPECT_EQ(json_["ok"], false);
  EXPECT_EQ(json_["failed"], 1);
  ASSERT_EQ(json_["rows"].size(), 1U);
  const Json& row = json_["rows"][0];
  EXPECT_EQ(row["kind"], "volume");
  EXPECT_EQ(row["volumeId"], volume_id);
  EXPECT_EQ(row["image"], image);
  EXPECT_EQ(row["trashId"], "");
  EXPECT_EQ(row["kmsId"], "wrap");
  EXPECT_EQ(row["tenant"], "team-a");
  EXPECT_EQ(row["outcome"], "failed");
  EXPECT_EQ(row["code"], "NOT_FOUND");
  EXPECT_THAT(row["message"].get<std::string>(), HasSubstr(volume_id));
}

TEST_F(VolumeCheckTest, AKeyManagerThatIsDownIsOneLine) {
  Create("pvc-1");
  Create("pvc-2");
  world_.wrap->SetDown(true);
  EXPECT_FALSE(Run().ok());
  EXPECT_THAT(text_.str(), AllOf(HasSubstr("  STOPPED  the rest is not proven: UNAVAILABLE: "),
                                 Not(HasSubstr("FAILED"))));
  EXPECT_EQ(json_["ok"], false);
  EXPECT_EQ(json_["rows"], Json::array());
  EXPECT_EQ(json_["stopped"]["code"], "UNAVAILABLE");
}

TEST_F(VolumeCheckTest, WhatIsNoFailureIsSaidAllTheSame) {
  options_.kms.kms_id = "store";
  options_.open = true;
  const Context context = Context::Background();
  const std::string lagging = Create("pvc-1", "store");
  const auto stored = world_.store->Fetch(context, lagging);
  ASSERT_THAT(world_.store->Replace(context, lagging, stored->version, Secret("new")), IsOk());
  const std::string deleted = Create("pvc-2", "store");
  rbd::Pool& pool = world_.ceph.Admin();
  ASSERT_THAT(pool.images().MoveToTrash(world_.ImageName(deleted)), IsOk());
  ASSERT_THAT(world_.store->Remove(context, deleted), IsOk());
  ASSERT_THAT(pool.images().Create("static", {.size_bytes = 1 << 20}), IsOk());
  {
    const auto image = pool.images().Open("static", rbd::OpenMode::kReadWrite);
    ASSERT_THAT((*image)->SetMetadata(rbd::kMetaDek, "text"), IsOk());
  }
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(
      text_.str(),
      AllOf(HasSubstr("  previous DEK  volume " + lagging), HasSubstr("in the trash (id "),
            HasSubstr("  unfinished  volume " + deleted), HasSubstr("1 open with the DEK before"),
            HasSubstr("1 are being made or"), HasSubstr("not asked for: 1 images")));
  EXPECT_EQ(json_["previousDek"], 1);
  EXPECT_EQ(json_["unfinished"], 1);
  EXPECT_EQ(json_["unknown"], 1);
  EXPECT_EQ(json_["rows"][0]["outcome"], "previousDek");
  EXPECT_EQ(json_["rows"][1]["outcome"], "unfinished");
  EXPECT_NE(json_["rows"][1]["trashId"], "");
  EXPECT_THAT(json_["rows"][1]["message"].get<std::string>(), HasSubstr("delete"));
}

TEST_F(VolumeCheckTest, WhatNeedsARequestsSecretIsLeftOutWithWords) {
  driver_->SetSecret("encryptionPassphrase", "a passphrase");
  options_.kms.kms_id = "default";
  Create("pvc-1", "default");
  EXPECT_TRUE(Run().ok());
  EXPECT_THAT(text_.str(), HasSubstr("left out: 1 volumes and snapshots: their DEKs need the "));
  EXPECT_EQ(json_["leftOut"].size(), 1U);
}

TEST_F(VolumeCheckTest, ATenantsVolumesCanBeCheckedAlone) {
  Create("pvc-1");
  options_.tenant = "team-b";
  EXPECT_EQ(Run().proof.proven, 0);
  options_.tenant = "team-a";
  EXPECT_EQ(Run().proof.proven, 1);
}

}  // namespace
}  // namespace rbdcrypt::cmd
