// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kubernetes.h"

#include <fstream>
#include <map>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/fakes/http_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::cmd {
namespace {

using testing::StatusIs;
using testing::TempDir;

k8s::Environment With(std::map<std::string, std::string, std::less<>> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

std::string WriteKubeconfig(const TempDir& dir) {
  const std::string path = dir.path() + "/kubeconfig";
  std::ofstream(path) << R"(apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test, namespace: of-the-context}}]
clusters: [{name: test, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: test, user: {token: a-token}}]
)";
  return path;
}

TEST(KubernetesTest, WithoutAnyHintThereIsNone) {
  ASSERT_OK_AND_ASSIGN(const auto none, Kubernetes::Find(With({}), SystemClock(), "node"));
  EXPECT_EQ(none, nullptr);
}

TEST(KubernetesTest, TheVariableNamesTheNamespaceBeforeTheKubeconfigDoes) {
  const TempDir dir;
  const std::string path = WriteKubeconfig(dir);
  ASSERT_OK_AND_ASSIGN(const auto found, Kubernetes::Find(With({{"KUBERNETES_CONFIG_PATH", path}}),
                                                          SystemClock(), "node"));
  EXPECT_EQ(found->ns(), "of-the-context");
  ASSERT_OK_AND_ASSIGN(
      const auto named,
      Kubernetes::Find(With({{"KUBERNETES_CONFIG_PATH", path}, {"POD_NAMESPACE", "rook-ceph"}}),
                       SystemClock(), "node"));
  EXPECT_EQ(named->ns(), "rook-ceph");
}

TEST(KubernetesTest, ARenewedClientCertificateIsShown) {
  const testing::TestCa ca;
  const testing::HttpServer server(
      [](const testing::ServedRequest& request) {
        return testing::ServedAnswer::Json(200, Cat(R"({"who":")", request.client_name, R"("})"));
      },
      testing::HttpServer::Tls{.certificate = ca.Issue({.names = {"IP:127.0.0.1"}}),
                               .client_ca_pem = ca.certificate_pem()});
  const TempDir dir;
  const auto issue = [&](const std::string& name) {
    const testing::TestCertificate certificate = ca.Issue({.common_name = name});
    dir.Write("me.key", certificate.key_pem);
    dir.Write("me.crt", certificate.certificate_pem);
  };
  dir.Write("ca.crt", ca.certificate_pem());
  issue("first");
  const std::string path =
      dir.Write("kubeconfig", Cat(R"(apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: ")",
                                  server.Address().Text(), R"(", certificate-authority: ca.crt}}]
users: [{name: test, user: {client-certificate: me.crt, client-key: me.key}}]
)"));
  ASSERT_OK_AND_ASSIGN(const auto found, Kubernetes::Find(With({{"KUBERNETES_CONFIG_PATH", path}}),
                                                          SystemClock(), "node"));
  const auto who = [&] {
    const auto answer =
        found->client().Get(Context::Background(), k8s::kConfigMaps, {.ns = "n", .name = "m"});
    return answer.ok() ? (*answer)["who"].get<std::string>() : answer.status().ToString();
  };
  EXPECT_EQ(who(), "first");
  issue("renewed");
  EXPECT_EQ(who(), "renewed");
}

TEST(KubernetesTest, AWrongPathIsSaidAtOnce) {
  EXPECT_THAT(Kubernetes::Find(With({{"KUBERNETES_CONFIG_PATH", "/nowhere/kubeconfig"}}),
                               SystemClock(), "node"),
              StatusIs(Code::kUnavailable, ::testing::HasSubstr("/nowhere/kubeconfig")));
}

}  // namespace
}  // namespace rbdcrypt::cmd
