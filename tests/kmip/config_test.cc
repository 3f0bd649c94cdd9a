// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::kmip {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

// The entry of tests/vectors/ceph-csi, and `more` over it.
Result<KmipOptions> Parse(const Json& more) {
  Json options = {{"KMS_PROVIDER", "kmip"}, {"KMIP_ENDPOINT", "127.0.0.1:15696"}};
  options.update(more);
  return ParseOptions({.id = "my-kms", .provider = "kmip", .options = options});
}

TEST(KmipConfigTest, DefaultsAreThoseOfCephCsi) {
  ASSERT_OK_AND_ASSIGN(const KmipOptions options, Parse(Json::object()));
  EXPECT_EQ(options.kms_id, "my-kms");
  EXPECT_THAT(options.endpoints,
              ::testing::ElementsAre(net::Endpoint{.host = "127.0.0.1", .port = 15696}));
  EXPECT_EQ(options.secret_name, "ceph-csi-kmip-credentials");
  EXPECT_EQ(options.credentials_dir, "");
  EXPECT_EQ(options.server_name, "");
  EXPECT_EQ(options.min_version, net::TlsVersion::k12);
  EXPECT_EQ(options.read_timeout, seconds(10));
  EXPECT_EQ(options.write_timeout, seconds(10));
  EXPECT_EQ(options.use_crypto_rpc, std::nullopt);
  EXPECT_EQ(options.format, WrapFormat::kCephCsi);
  EXPECT_EQ(options.kek_cache, seconds(0));
}

TEST(KmipConfigTest, ReadsEveryOption) {
  ASSERT_OK_AND_ASSIGN(
      const KmipOptions options,
      Parse({{"KMIP_ENDPOINT", "kmip-1.example, kmip-2.example:5697,[fd00::1]:5698"},
             {"KMIP_SECRET_NAME", "credentials"},
             {"TLS_SERVER_NAME", "kmip.ciphertrustmanager.local"},
             {"READ_TIMEOUT", 300},
             {"WRITE_TIMEOUT", "256"},
             {"USE_CRYPTO_RPC", "false"},
             {"TLS_MIN_VERSION", "1.3"},
             {"KMS_SERVICE_NAME", "from Rook"},
             {"WRAP_FORMAT", "aead"},
             {"KEK_CACHE_SECONDS", "3600"}}));
  EXPECT_THAT(options.endpoints,
              ::testing::ElementsAre(net::Endpoint{.host = "kmip-1.example", .port = 5696},
                                     net::Endpoint{.host = "kmip-2.example", .port = 5697},
                                     net::Endpoint{.host = "fd00::1", .port = 5698}));
  EXPECT_EQ(options.secret_name, "credentials");
  EXPECT_EQ(options.server_name, "kmip.ciphertrustmanager.local");
  EXPECT_EQ(options.min_version, net::TlsVersion::k13);
  // Neither is narrowed to 8 bits, as by ceph-csi.
  EXPECT_EQ(options.read_timeout, seconds(300));
  EXPECT_EQ(options.write_timeout, seconds(256));
  EXPECT_EQ(options.use_crypto_rpc, false);
  EXPECT_EQ(options.format, WrapFormat::kAead);
  EXPECT_EQ(options.kek_cache, seconds(3600));
}

TEST(KmipConfigTest, AFolderStandsForTheSecret) {
  ASSERT_OK_AND_ASSIGN(const KmipOptions options, Parse({{"KMIP_CREDENTIALS_DIR", "/etc/kmip"}}));
  EXPECT_EQ(options.credentials_dir, "/etc/kmip");
  EXPECT_EQ(options.secret_name, "");
}

TEST(KmipConfigTest, AnEmptyTextIsAsGoodAsNone) {
  ASSERT_OK_AND_ASSIGN(const KmipOptions options, Parse({{"KMIP_SECRET_NAME", ""},
                                                         {"TLS_SERVER_NAME", ""},
                                                         {"READ_TIMEOUT", ""},
                                                         {"USE_CRYPTO_RPC", ""},
                                                         {"TLS_MIN_VERSION", ""},
                                                         {"WRAP_FORMAT", ""},
                                                         {"KEK_CACHE_SECONDS", ""},
                                                         {"KMIP_CREDENTIALS_DIR", ""}}));
  EXPECT_EQ(options.secret_name, "ceph-csi-kmip-credentials");
  EXPECT_EQ(options.read_timeout, seconds(10));
  EXPECT_EQ(options.use_crypto_rpc, std::nullopt);
}

TEST(KmipConfigTest, AWholeNumberMayBeWrittenAsGoReadsIt) {
  ASSERT_OK_AND_ASSIGN(const KmipOptions options,
                       Parse({{"READ_TIMEOUT", 20.0}, {"WRITE_TIMEOUT", 3600}}));
  EXPECT_EQ(options.read_timeout, seconds(20));
  EXPECT_EQ(options.write_timeout, seconds(3600));
}

struct BadOption {
  std::string option;
  Json value;
};

TEST(KmipConfigTest, EachBadValueIsToldWithItsOption) {
  const BadOption cases[] = {{"READ_TIMEOUT", 0},
                             {"READ_TIMEOUT", 3601},
                             {"READ_TIMEOUT", 1.5},
                             {"READ_TIMEOUT", -1},
                             {"READ_TIMEOUT", 1e300},
                             {"READ_TIMEOUT", true},
                             {"READ_TIMEOUT", "10s"},
                             {"READ_TIMEOUT", "18446744073709551617"},
                             {"WRITE_TIMEOUT", "0"},
                             {"KEK_CACHE_SECONDS", "3601"},
                             {"USE_CRYPTO_RPC", "yes"},
                             {"USE_CRYPTO_RPC", true},
                             {"TLS_MIN_VERSION", "1.1"},
                             {"WRAP_FORMAT", "gcm"},
                             {"KMIP_CREDENTIALS_DIR", "etc/kmip"},
                             {"KMIP_ENDPOINT", ""},
                             {"KMIP_ENDPOINT", "https://kmip.example:5696"},
                             {"KMIP_ENDPOINT", "kmip.example:70000"},
                             {"KMIP_ENDPOINT", 5696},
                             {"TLS_SERVER_NAME", false}};
  for (const BadOption& bad : cases) {
    EXPECT_THAT(
        Parse({{bad.option, bad.value}}),
        StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"my-kms\""), HasSubstr(bad.option))))
        << bad.option << " " << bad.value;
  }
}

TEST(KmipConfigTest, AMissingEndpointIsTold) {
  EXPECT_THAT(ParseOptions({.id = "my-kms", .provider = "kmip", .options = Json::object()}),
              StatusIs(Code::kInvalidArgument, HasSubstr("KMIP_ENDPOINT")));
}

TEST(KmipConfigTest, AnUnknownOptionIsRefusedForAMisspeltOneWouldBeSilent) {
  for (const char* name : {"USE_CRYPTO_RCP", "kmipEndpoint", "vaultAddress"}) {
    EXPECT_THAT(Parse({{name, "x"}}),
                StatusIs(Code::kInvalidArgument,
                         AllOf(HasSubstr("\"my-kms\""), HasSubstr(name), HasSubstr("misspelt"))));
  }
}

TEST(KmipConfigTest, SecretAndFolderExcludeEachOther) {
  EXPECT_THAT(Parse({{"KMIP_CREDENTIALS_DIR", "/etc/kmip"}, {"KMIP_SECRET_NAME", "credentials"}}),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("KMIP_SECRET_NAME"), HasSubstr("KMIP_CREDENTIALS_DIR"))));
}

}  // namespace
}  // namespace rbdcrypt::kmip
