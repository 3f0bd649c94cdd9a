// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/check.h"

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/default_secret.h"
#include "kms/local.h"
#include "tests/fakes/fake_kms.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kms {
namespace {

using ::testing::ElementsAre;
using testing::FakeKms;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::KmsFault;
using testing::StatusIs;

std::vector<std::string> NamesOf(const CheckReport& report) {
  std::vector<std::string> names;
  for (const CheckStep& step : report.steps) {
    names.emplace_back(step.name);
  }
  return names;
}

// Entries "store" (a fake that keeps DEKs), "local" (a ring), "tenants" (a fake that is the
// tenant's) and "default".
class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    std::ofstream(dir_.path() + "/config.json")
        << R"({"store": {"KMS_PROVIDER": "fake"}, "local": {"KMS_PROVIDER": "local",
               "localKeyFile": ")"
        << dir_.path()
        << R"(/ring", "createIfMissing": "true"}, "typo": {"KMS_PROVIDER": "fkae"}})";
  }

  CheckReport Run(const std::string& kms_id, const std::string& tenant = "") {
    return Check(Context::Background(), registry_,
                 {.kms_id = kms_id, .tenant = tenant, .secrets = secrets_});
  }

  testing::TempDir dir_;
  RequestSecrets secrets_;
  std::shared_ptr<FakeKms> fake_ = std::make_shared<FakeKms>(FakeKms::Options{.id = "store"});
  FileConfigSource config_{dir_.path() + "/config.json"};
  Registry registry_{config_,
                     {{"fake",
                       {.open = [this](const Context&, const ConfigEntry&, const KmsRequest&)
                            -> Result<std::shared_ptr<Kms>> { return fake_; }}},
                      {"local", {.open = LocalProvider(), .keeps_deks = false}},
                      {"default", {.open = DefaultSecretProvider()}}}};
};

TEST_F(CheckTest, AStoreIsProvenByAProbeThatIsGoneAfterwards) {
  const CheckReport report = Run("store");
  EXPECT_THAT(report.status(), IsOk());
  EXPECT_THAT(NamesOf(report), ElementsAre("read the entry", "log in", "store a probe",
                                           "read it back", "delete it"));
  EXPECT_EQ(fake_->writes(), 2);
}

TEST_F(CheckTest, AWrapperIsProvenWithoutAnyTrace) {
  const CheckReport report = Run("local");
  EXPECT_THAT(report.status(), IsOk());
  EXPECT_THAT(NamesOf(report),
              ElementsAre("read the entry", "log in", "wrap a probe", "unwrap it"));
}

TEST_F(CheckTest, AWrongEntryIsTheFirstAndLastStep) {
  const CheckReport report = Run("typo");
  EXPECT_THAT(report.status(), StatusIs(Code::kInvalidArgument, HasSubstr("fkae")));
  EXPECT_THAT(NamesOf(report), ElementsAre("read the entry"));
  EXPECT_EQ(report.provider, "");
}

TEST_F(CheckTest, AKeyManagerThatSaysNoIsToldByTheStepItRefused) {
  fake_->SetDenied(true);
  const CheckReport report = Run("store");
  EXPECT_THAT(report.status(), StatusIs(Code::kPermissionDenied));
  EXPECT_EQ(NamesOf(report).back(), "store a probe");
}

TEST_F(CheckTest, AProbeWhoseAnswerWasLostIsDeletedAllTheSame) {
  fake_->FailWrite(1, KmsFault::kAnswerLost);
  const CheckReport report = Run("store");
  EXPECT_THAT(report.status(), StatusIs(Code::kUnavailable));
  EXPECT_EQ(NamesOf(report).back(), "delete it");
  EXPECT_EQ(fake_->deks(), 0);
}

// The deadline passes, or Ctrl-C comes, while the probe is being stored.
TEST_F(CheckTest, AProbeIsDeletedThoughTheTimeIsUp) {
  bool is_over = false;
  const Context context({.is_cancelled = [&] { return is_over; }});
  fake_->OnWrite([&] { is_over = true; });
  const CheckReport report =
      Check(context, registry_, {.kms_id = "store", .tenant = "", .secrets = secrets_});
  EXPECT_THAT(report.status(), StatusIs(Code::kCancelled));
  EXPECT_EQ(NamesOf(report).back(), "delete it");
  EXPECT_THAT(report.steps.back().status, IsOk());
  EXPECT_EQ(fake_->deks(), 0);
}

TEST_F(CheckTest, WhatComesWithEachRequestIsLeftOutWithWords) {
  const CheckReport report = Run("default");
  EXPECT_THAT(report.status(), IsOk());
  EXPECT_THAT(NamesOf(report), ElementsAre("read the entry"));
  EXPECT_THAT(report.left_out, HasSubstr("Secret"));
}

}  // namespace
}  // namespace rbdcrypt::kms
