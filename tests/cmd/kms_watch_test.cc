// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_watch.h"

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_kms.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::cmd {
namespace {

using testing::FakeKms;
using ::testing::HasSubstr;
using ::testing::Not;

// Up to ten seconds for something that another thread brings about.
bool Eventually(const std::function<bool()>& is_so) {
  for (int i = 0; i < 1000; ++i) {
    if (is_so()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class KmsWatchTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(dir_.path() + "/config.json") << text; }

  bool Says(const std::string& text) {
    return Eventually([&] { return metrics_.TextForTest().find(text) != std::string::npos; });
  }

  testing::TempDir dir_;
  Metrics metrics_;
  ChangeSignal changes_;
  std::shared_ptr<FakeKms> fake_ = std::make_shared<FakeKms>();
  kms::FileConfigSource config_{dir_.path() + "/config.json"};
  kms::Registry registry_{
      config_,
      {{"fake",
        {.open = [this](const Context&, const kms::ConfigEntry&, const kms::KmsRequest&)
             -> Result<std::shared_ptr<kms::Kms>> { return fake_; }}}}};
};

TEST_F(KmsWatchTest, ChecksEveryEntryAtStartAndWhatChangedAfterwards) {
  Write(R"({"a": {"KMS_PROVIDER": "fake"}, "b": {"KMS_PROVIDER": "unknown"}})");
  KmsWatch watch(config_, registry_, changes_, metrics_, nullptr);
  EXPECT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"a\"} 1"));
  EXPECT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"b\"} 0"));
  const int writes = fake_->writes();
  Write(R"({"a": {"KMS_PROVIDER": "fake"}, "b": {"KMS_PROVIDER": "fake"}})");
  changes_.Raise();
  EXPECT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"b\"} 1"));
  // One probe, of "b": stored and deleted.
  EXPECT_EQ(fake_->writes(), writes + 2);
  watch.Stop();
}

TEST_F(KmsWatchTest, ForgetsAnEntryThatIsGone) {
  Write(R"({"a": {"KMS_PROVIDER": "fake"}, "b": {"KMS_PROVIDER": "fake"}})");
  KmsWatch watch(config_, registry_, changes_, metrics_, nullptr);
  ASSERT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"b\"} 1"));
  Write(R"({"b": {"KMS_PROVIDER": "fake"}})");
  changes_.Raise();
  EXPECT_TRUE(Eventually(
      [this] { return metrics_.TextForTest().find("kms_id=\"a\"") == std::string::npos; }));
  watch.Stop();
  EXPECT_THAT(metrics_.TextForTest(), HasSubstr("kms_id=\"b\""));
}

TEST_F(KmsWatchTest, AKeyManagerThatIsDownIsToldAndStopsNobody) {
  fake_->SetDown(true);
  Write(R"({"a": {"KMS_PROVIDER": "fake"}})");
  KmsWatch watch(config_, registry_, changes_, metrics_, nullptr);
  EXPECT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"a\"} 0"));
  // It is asked again, though the entry did not change.
  fake_->SetDown(false);
  changes_.Raise();
  EXPECT_TRUE(Says("rbdcrypt_kms_check_ok{kms_id=\"a\"} 1"));
}

}  // namespace
}  // namespace rbdcrypt::cmd
