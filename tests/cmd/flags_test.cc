// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/flags.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace rbdcrypt::cmd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Parses the flags of one verb.
template <typename Options>
class Verb {
 public:
  Verb() { AddFlags(app_, options_); }

  // What CLI11 says against them; "" if nothing.
  std::string Parse(std::vector<std::string> arguments) {
    options_ = Options();
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(reversed);
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "";
  }

  const Options& options() const { return options_; }

 private:
  CLI::App app_;
  Options options_;
};

class FlagsTest : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  const std::string key_ = dir_.Write("key", "a2V5");
};

TEST_F(FlagsTest, APreflightNeedsNoCluster) {
  Verb<KmsCheckOptions> check;
  EXPECT_EQ(check.Parse({"vault", "--tenant", "shop"}), "");
  EXPECT_EQ(check.options().kms.kms_id, "vault");
  EXPECT_EQ(check.options().tenant, "shop");
  EXPECT_EQ(check.options().cluster.cluster_id, "");
}

TEST_F(FlagsTest, AProofOfVolumesNeedsClusterPoolAndKey) {
  Verb<KmsCheckOptions> check;
  EXPECT_EQ(check.Parse({"vault", "--cluster", "c", "--pool", "p", "--key-file", key_, "--open",
                         "--namespace", ""}),
            "");
  EXPECT_EQ(check.options().pool, "p");
  EXPECT_EQ(check.options().rados_namespace, "");
  EXPECT_TRUE(check.options().open);
  EXPECT_NE(check.Parse({"vault", "--pool", "p"}), "");
  EXPECT_NE(check.Parse({"vault", "--cluster", "c", "--key-file", key_}), "");
  EXPECT_NE(check.Parse({"vault", "--cluster", "c", "--pool", "p"}), "");
  EXPECT_NE(check.Parse({"vault", "--open"}), "");
  EXPECT_NE(check.Parse({"vault", "--namespace", "n"}), "");
}

TEST_F(FlagsTest, ANewKeyHasANameAndOneOfThreeLengths) {
  Verb<KmsCreateKeyOptions> create;
  EXPECT_EQ(create.Parse({"kmip", "--bits", "192", "--name", "volumes"}), "");
  EXPECT_EQ(create.options().bits, 192);
  EXPECT_EQ(create.options().name, "volumes");
  EXPECT_EQ(create.Parse({"kmip", "--name", "volumes"}), "");
  EXPECT_EQ(create.options().bits, 256);
  EXPECT_NE(create.Parse({"kmip", "--bits", "512", "--name", "volumes"}), "");
  EXPECT_NE(create.Parse({"kmip"}), "");
}

TEST_F(FlagsTest, AKeyIsDestroyedOnlyWhereItIsSaidWhereToLook) {
  Verb<KmsDestroyKeyOptions> destroy;
  const std::vector<std::string> common = {"kmip", "17", "--cluster", "c", "--key-file", key_};
  const auto parse = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = common;
    all.insert(all.end(), more.begin(), more.end());
    return destroy.Parse(all);
  };
  EXPECT_EQ(parse({"--pool", "a", "--pool", "b/n", "--yes"}), "");
  EXPECT_EQ(destroy.options().key_id, "17");
  EXPECT_THAT(destroy.options().pools, ElementsAre("a", "b/n"));
  EXPECT_FALSE(destroy.options().all_pools);
  EXPECT_TRUE(destroy.options().yes);
  EXPECT_EQ(parse({"--all-pools", "--except-cluster", "d", "--except-cluster", "e"}), "");
  EXPECT_THAT(destroy.options().pools, IsEmpty());
  EXPECT_THAT(destroy.options().except_clusters, ElementsAre("d", "e"));
  EXPECT_FALSE(destroy.options().yes);
  EXPECT_NE(parse({}), "");
  EXPECT_NE(parse({"--all-pools", "--pool", "a"}), "");
}

TEST_F(FlagsTest, OrphansAreThoseOfOnePool) {
  Verb<OrphansOptions> orphans;
  EXPECT_EQ(orphans.Parse({"--cluster", "c", "--pool", "p", "--key-file", key_, "--json"}), "");
  EXPECT_TRUE(orphans.options().json);
  EXPECT_NE(orphans.Parse({"--cluster", "c", "--pool", "p"}), "");
  EXPECT_NE(orphans.Parse({"--pool", "p", "--key-file", key_}), "");
}

}  // namespace
}  // namespace rbdcrypt::cmd
