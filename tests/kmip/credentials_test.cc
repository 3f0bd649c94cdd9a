// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/credentials.h"

#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/json.h"
#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::kmip {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

constexpr char kCa[] = "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n";
constexpr char kCert[] = "-----BEGIN CERTIFICATE-----\nY2xpZW50\n-----END CERTIFICATE-----\n";
constexpr char kKey[] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

using Data = std::map<std::string, std::string>;

const Data& Complete() {
  static const Data data = {{"CA_CERT", kCa},
                            {"CLIENT_CERT", kCert},
                            {"CLIENT_KEY", kKey},
                            {"UNIQUE_IDENTIFIER", "1f2e"}};
  return data;
}

Data Without(const std::string& key) {
  Data data = Complete();
  data.erase(key);
  return data;
}

Data With(const std::string& key, const std::string& value) {
  Data data = Complete();
  data[key] = value;
  return data;
}

class SecretWorld {
 public:
  void Put(const Data& data) {
    Json encoded = Json::object();
    for (const auto& [key, value] : data) {
      encoded[key] = Base64Encode(std::as_bytes(std::span(value)));
    }
    api.Put(k8s::kSecrets, {.ns = "ceph", .name = "ceph-csi-kmip-credentials"},
            {{"kind", "Secret"}, {"apiVersion", "v1"}, {"data", encoded}});
  }

  Result<Credentials> Read() {
    const KmipOptions options = {.kms_id = "my-kms",
                                 .secret_name = "ceph-csi-kmip-credentials",
                                 .server_name = "kmip.local",
                                 .min_version = net::TlsVersion::k13};
    return ReadCredentials(Context::Background(), options, &client, "ceph");
  }

  testing::FakeKubeApi api;
  k8s::RestClient client{api};
};

class FolderWorld {
 public:
  explicit FolderWorld(const Data& data) {
    for (const auto& [key, value] : data) {
      dir.Write(key, value);
    }
    Protect();
  }

  void Protect() {
    if (std::filesystem::exists(dir.File("CLIENT_KEY"))) {
      std::filesystem::permissions(dir.File("CLIENT_KEY"), std::filesystem::perms::owner_read);
    }
  }

  Result<Credentials> Read() {
    return ReadCredentials(Context::Background(),
                           {.kms_id = "my-kms", .credentials_dir = dir.path()}, nullptr, "ceph");
  }

  testing::TempDir dir;
};

TEST(KmipCredentialsTest, AreTakenFromTheSecret) {
  SecretWorld world;
  world.Put(Complete());
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world.Read());
  EXPECT_EQ(credentials.key_id, "1f2e");
  EXPECT_EQ(credentials.tls.ca_pem, kCa);
  ASSERT_TRUE(credentials.tls.client.has_value());
  EXPECT_EQ(credentials.tls.client->certificate_pem, kCert);
  EXPECT_EQ(credentials.tls.client->key_pem.RevealText(), kKey);
  EXPECT_EQ(credentials.tls.server_name, "kmip.local");
  EXPECT_EQ(credentials.tls.min_version, net::TlsVersion::k13);
  EXPECT_TRUE(credentials.tls.verify);
}

TEST(KmipCredentialsTest, ARenewedCertificateCountsAtOnce) {
  SecretWorld world;
  world.Put(Complete());
  ASSERT_THAT(world.Read(), IsOk());
  const std::string renewed = std::string(kCert) + kCa;
  world.Put(With("CLIENT_CERT", renewed));
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world.Read());
  EXPECT_EQ(credentials.tls.client->certificate_pem, renewed);
}

TEST(KmipCredentialsTest, NothingButCertificatesLeavesTheSecretAsText) {
  SecretWorld world;
  world.Put(With("CLIENT_CERT", std::string(kKey) + kCert));
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world.Read());
  EXPECT_EQ(credentials.tls.client->certificate_pem, kCert);
}

TEST(KmipCredentialsTest, WhiteSpaceAroundTheIdentifierIsNoPartOfIt) {
  SecretWorld world;
  world.Put(With("UNIQUE_IDENTIFIER", " 1f2e\n"));
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world.Read());
  EXPECT_EQ(credentials.key_id, "1f2e");
}

TEST(KmipCredentialsTest, EachOfTheFourIsNeeded) {
  for (const auto& [key, unused] : Complete()) {
    for (const Data& data : {Without(key), With(key, "")}) {
      SecretWorld world;
      world.Put(data);
      EXPECT_THAT(world.Read(),
                  StatusIs(Code::kInvalidArgument,
                           AllOf(HasSubstr("\"my-kms\""), HasSubstr(key),
                                 HasSubstr("Secret ceph/ceph-csi-kmip-credentials"))));
    }
  }
}

TEST(KmipCredentialsTest, AFurtherKeyIsRefusedByNameAsWithCephCsi) {
  SecretWorld world;
  world.Put(With("PASSWORD", "c2VjcmV0"));
  EXPECT_THAT(world.Read(), StatusIs(Code::kInvalidArgument,
                                     AllOf(HasSubstr("PASSWORD"), Not(HasSubstr("c2VjcmV0")))));
}

TEST(KmipCredentialsTest, WhatIsNoCertificateOrIdentifierIsToldWithoutItsContent) {
  const std::pair<std::string, std::string> cases[] = {{"CA_CERT", kKey},
                                                       {"CLIENT_CERT", "c2VjcmV0"},
                                                       {"UNIQUE_IDENTIFIER", "c2VjcmV0\nc2VjcmV0"},
                                                       {"UNIQUE_IDENTIFIER", "\n"},
                                                       {"UNIQUE_IDENTIFIER", std::string(257, 'c')},
                                                       {"UNIQUE_IDENTIFIER", "\xC3\xA4"}};
  for (const auto& [key, value] : cases) {
    SecretWorld world;
    world.Put(With(key, value));
    EXPECT_THAT(world.Read(), StatusIs(Code::kInvalidArgument,
                                       AllOf(HasSubstr(key), Not(HasSubstr("c2VjcmV0")))));
  }
}

TEST(KmipCredentialsTest, AMissingSecretIsToldWithWhatToMake) {
  SecretWorld world;
  EXPECT_THAT(world.Read(),
              StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("ceph/ceph-csi-kmip-credentials"),
                                                     HasSubstr("UNIQUE_IDENTIFIER"))));
}

TEST(KmipCredentialsTest, ASecretThatIsDeniedIsTold) {
  SecretWorld world;
  world.api.Fail({.status = 403, .reason = "Forbidden", .message = "no"});
  EXPECT_THAT(world.Read(), StatusIs(Code::kPermissionDenied, HasSubstr("service account")));
}

TEST(KmipCredentialsTest, ADownApiServerIsUnavailable) {
  SecretWorld world;
  world.api.Fail({.kind = testing::FakeKubeApi::Fault::Kind::kNeverArrived}, 100);
  const Context context = Context::Background().WithTimeout(std::chrono::milliseconds(1));
  const KmipOptions options = {.kms_id = "my-kms", .secret_name = "ceph-csi-kmip-credentials"};
  const Status status = ReadCredentials(context, options, &world.client, "ceph").status();
  EXPECT_TRUE(IsTransient(status)) << status;
}

TEST(KmipCredentialsTest, ASecretNeedsKubernetes) {
  EXPECT_THAT(ReadCredentials(Context::Background(),
                              {.kms_id = "my-kms", .secret_name = "credentials"}, nullptr, "ceph"),
              StatusIs(Code::kUnimplemented, HasSubstr("KMIP_CREDENTIALS_DIR")));
}

TEST(KmipCredentialsTest, AFolderServesWithoutKubernetes) {
  FolderWorld world(With("UNIQUE_IDENTIFIER", "1f2e\n"));
  world.dir.Write("..data", "of a mounted Secret");
  ASSERT_OK_AND_ASSIGN(const Credentials credentials, world.Read());
  EXPECT_EQ(credentials.key_id, "1f2e");
  EXPECT_EQ(credentials.tls.client->key_pem.RevealText(), kKey);
}

TEST(KmipCredentialsTest, AMissingFileMayComeWithItsMount) {
  for (const auto& [key, unused] : Complete()) {
    FolderWorld world(Without(key));
    EXPECT_THAT(world.Read(),
                StatusIs(Code::kUnavailable, AllOf(HasSubstr("\"my-kms\""), HasSubstr(key))));
  }
}

TEST(KmipCredentialsTest, AKeyOpenToOthersIsRefused) {
  FolderWorld world(Complete());
  std::filesystem::permissions(world.dir.File("CLIENT_KEY"), std::filesystem::perms(0644));
  EXPECT_THAT(world.Read(), StatusIs(Code::kInvalidArgument,
                                     AllOf(HasSubstr("CLIENT_KEY"), HasSubstr("chmod 600"))));
}

TEST(KmipCredentialsTest, IdentifiersArePrintableAscii) {
  EXPECT_TRUE(IsKeyId("1"));
  EXPECT_TRUE(IsKeyId("a key \"with\" \\ and ~"));
  EXPECT_TRUE(IsKeyId(std::string(256, 'x')));
  EXPECT_FALSE(IsKeyId(""));
  EXPECT_FALSE(IsKeyId(std::string(257, 'x')));
  EXPECT_FALSE(IsKeyId(std::string_view("a\0b", 3)));
  EXPECT_FALSE(IsKeyId("a\x7F"));
}

}  // namespace
}  // namespace rbdcrypt::kmip
