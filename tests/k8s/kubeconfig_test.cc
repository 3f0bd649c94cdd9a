// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::AllOf;
using testing::FakeClock;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::StatusIs;
using testing::TempDir;

class KubeconfigTest : public ::testing::Test {
 protected:
  // A kubeconfig as kubectl writes it, around a cluster and a user in flow style.
  Result<ClusterAccess> Parse(std::string_view cluster,
                              std::string_view user,
                              std::string_view context = "") {
    return ParseKubeconfig(Cat("apiVersion: v1\nkind: Config\npreferences: {}\n"
                               "current-context: here\n"
                               "contexts:\n"
                               "- name: elsewhere\n  context: {cluster: other, user: other}\n"
                               "- name: here\n  context: {cluster: prod, user: me",
                               context, "}\nclusters:\n- name: prod\n  cluster: {", cluster,
                               "}\nusers:\n- name: me\n  user: {", user, "}\n"),
                           folder_.path(), clock_);
  }

  static std::string TokenOf(const ClusterAccess& access) {
    return access.token == nullptr ? "none" : std::string(access.token->Token()->RevealText());
  }

  TempDir folder_;
  FakeClock clock_;
};

constexpr std::string_view kServer = "server: 'https://api.example:6443'";

TEST_F(KubeconfigTest, TheCurrentContextsClusterAndUserAreUsed) {
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, Parse(kServer, "token: t-1"));
  EXPECT_EQ(access.server.Text(), "https://api.example:6443");
  EXPECT_EQ(TokenOf(access), "t-1");
  EXPECT_EQ(access.ns, "default");
  EXPECT_TRUE(access.tls.verify);
  EXPECT_EQ(access.tls.ca_pem, "");
}

TEST_F(KubeconfigTest, TheContextsNamespaceIsTaken) {
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access,
                       Parse(kServer, "token: t-1", ", namespace: storage"));
  EXPECT_EQ(access.ns, "storage");
}

TEST_F(KubeconfigTest, CertificatesStandInTheFileOrBesideIt) {
  folder_.Write("pki/ca.pem", "CA");
  folder_.Write("pki/me.pem", "CERT");
  folder_.Write("pki/me.key", "KEY");
  ASSERT_OK_AND_ASSIGN(
      const ClusterAccess files,
      Parse(Cat(kServer, ", certificate-authority: pki/ca.pem, tls-server-name: other.example"),
            "client-certificate: pki/me.pem, client-key: pki/me.key"));
  EXPECT_EQ(files.tls.ca_pem, "CA");
  EXPECT_EQ(files.tls.server_name, "other.example");
  ASSERT_TRUE(files.tls.client.has_value());
  EXPECT_EQ(files.tls.client->certificate_pem, "CERT");
  EXPECT_EQ(files.tls.client->key_pem.RevealText(), "KEY");
  EXPECT_EQ(TokenOf(files), "none");
  EXPECT_THAT(files.tls_files,
              ::testing::ElementsAre(folder_.File("pki/ca.pem"), folder_.File("pki/me.pem"),
                                     folder_.File("pki/me.key")));
  // "ca", "cert" and "key".
  ASSERT_OK_AND_ASSIGN(
      const ClusterAccess data,
      Parse(Cat(kServer, ", certificate-authority-data: Y2E=, certificate-authority: pki/ca.pem"),
            "client-certificate-data: Y2VydA==, client-key-data: a2V5, client-key: absent"));
  EXPECT_EQ(data.tls.ca_pem, "ca");
  EXPECT_EQ(data.tls.client->certificate_pem, "cert");
  EXPECT_EQ(data.tls.client->key_pem.RevealText(), "key");
  EXPECT_THAT(data.tls_files, ::testing::IsEmpty());
}

TEST_F(KubeconfigTest, ATokenFileWinsAndIsReadAgain) {
  folder_.Write("token", "from-file");
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, Parse(kServer, "token: t-1, tokenFile: token"));
  EXPECT_EQ(TokenOf(access), "from-file");
  folder_.Write("token", "from-new-file");
  EXPECT_EQ(TokenOf(access), "from-new-file");
}

TEST_F(KubeconfigTest, VerificationIsOffOnlyWhereItIsSaid) {
  ASSERT_OK_AND_ASSIGN(const ClusterAccess off,
                       Parse(Cat(kServer, ", insecure-skip-tls-verify: true"), "token: t"));
  EXPECT_FALSE(off.tls.verify);
  ASSERT_OK_AND_ASSIGN(const ClusterAccess on,
                       Parse(Cat(kServer, ", insecure-skip-tls-verify: false"), "token: t"));
  EXPECT_TRUE(on.tls.verify);
  EXPECT_THAT(Parse(Cat(kServer, ", insecure-skip-tls-verify: maybe"), "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("insecure-skip-tls-verify")));
  EXPECT_THAT(Parse(Cat(kServer,
                        ", insecure-skip-tls-verify: true, "
                        "certificate-authority-data: Y2E="),
                    "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("exclude")));
}

TEST_F(KubeconfigTest, WhatWeCannotDoIsRefusedWithWords) {
  for (const char* user : {"exec: {command: aws}", "auth-provider: {name: gcp}",
                           "username: x, password: y", "token: t, as: admin"}) {
    EXPECT_THAT(Parse(kServer, user),
                StatusIs(Code::kInvalidArgument,
                         AllOf(HasSubstr("user \"me\""), HasSubstr("not supported"))))
        << user;
  }
  EXPECT_THAT(Parse(Cat(kServer, ", proxy-url: 'http://proxy'"), "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("proxy-url")));
}

TEST_F(KubeconfigTest, AnUnsetFieldOfThoseIsNoMatter) {
  EXPECT_THAT(Parse(Cat(kServer, ", proxy-url: ''"), "token: t, exec: null, username: \"\""),
              testing::IsOk());
}

TEST_F(KubeconfigTest, ATokenGoesOverPlainHttpOnlyToThisMachine) {
  EXPECT_THAT(Parse("server: 'http://api.example'", "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("https")));
  EXPECT_THAT(Parse("server: 'http://127.0.0.1:8001'", "token: t"), testing::IsOk());
  EXPECT_THAT(Parse("server: 'http://api.example'", ""), testing::IsOk());
}

TEST_F(KubeconfigTest, NamesThatPointNowhereAreNamed) {
  const auto parse = [&](std::string_view text) {
    return ParseKubeconfig(text, folder_.path(), clock_);
  };
  EXPECT_THAT(parse("{}"), StatusIs(Code::kInvalidArgument, HasSubstr("current-context")));
  EXPECT_THAT(parse("current-context: c\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"contexts\" has no entry \"c\"")));
  EXPECT_THAT(parse("current-context: c\n"
                    "contexts: [{name: c, context: {cluster: k, user: u}}]\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"clusters\" has no entry \"k\"")));
  EXPECT_THAT(parse("current-context: c\n"
                    "contexts: [{name: c, context: {cluster: k, user: u}}]\n"
                    "clusters: [{name: k, cluster: {server: 'https://a'}}]\n"),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"users\" has no entry \"u\"")));
}

TEST_F(KubeconfigTest, HalfAClientCertificateIsNone) {
  EXPECT_THAT(Parse(kServer, "client-key-data: a2V5"),
              StatusIs(Code::kInvalidArgument, HasSubstr("client-certificate")));
}

TEST_F(KubeconfigTest, BadValuesNameTheirFieldAndNotThemselves) {
  EXPECT_THAT(
      Parse(kServer, "token: [s3cr3t]"),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("token"), Not(HasSubstr("s3cr3t")))));
  EXPECT_THAT(Parse(kServer, "client-certificate-data: Y2E=, client-key-data: s3cr3t!"),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("client-key-data"), Not(HasSubstr("s3cr3t")))));
  EXPECT_THAT(Parse("server: [a]", "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("server")));
  EXPECT_THAT(Parse("server: 'ftp://a'", "token: t"),
              StatusIs(Code::kInvalidArgument, HasSubstr("cluster \"prod\"")));
}

TEST_F(KubeconfigTest, AFileIsReadWithItsFolderAndErrorsNameIt) {
  folder_.Write("sub/token", "beside");
  const std::string path = folder_.Write("sub/config", R"(
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://api.example"}}]
users: [{name: u, user: {tokenFile: token}}]
)");
  ASSERT_OK_AND_ASSIGN(const ClusterAccess access, KubeconfigAccess(path, clock_));
  EXPECT_EQ(TokenOf(access), "beside");
  EXPECT_THAT(KubeconfigAccess(folder_.Write("bad", "a: ["), clock_),
              StatusIs(Code::kInvalidArgument, HasSubstr(folder_.File("bad"))));
  EXPECT_THAT(KubeconfigAccess(folder_.File("absent"), clock_), StatusIs(Code::kUnavailable));
}

}  // namespace
}  // namespace rbdcrypt::k8s
