// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The contract of the Kubernetes client, over a real kube-apiserver.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/strings.h"
#include "k8s/rest_client.h"
#include "k8s/rest_request.h"
#include "k8s/rest_sender.h"
#include "net/curl_http_client.h"
#include "net/url.h"
#include "tests/contract/kube_client_contract.h"

namespace rbdcrypt::testing {
namespace {

// Of the server that `dev/kube up` started: its address, and files.
constexpr const char* kServer = "RBDCRYPT_KUBE_SERVER";
constexpr const char* kCa = "RBDCRYPT_KUBE_CA";
constexpr const char* kClientCertificate = "RBDCRYPT_KUBE_CLIENT_CERT";
constexpr const char* kClientKey = "RBDCRYPT_KUBE_CLIENT_KEY";

// "" where the server is there.
std::string WhyAbsent() {
  for (const char* name : {kServer, kCa, kClientCertificate, kClientKey}) {
    if (std::getenv(name) == nullptr) {
      return Cat(name, " is not set: run dev/kube up, then eval \"$(dev/kube env)\"");
    }
  }
  return "";
}

std::string Content(const char* variable) {
  std::ifstream file(std::getenv(variable));
  std::string content{std::istreambuf_iterator<char>(file), {}};
  RBDCRYPT_CHECK(!content.empty());
  return content;
}

// As the administrator, who is one by a client certificate.
std::unique_ptr<net::HttpClient> Connect() {
  net::CurlHttpClient::Options options;
  options.tls.ca_pem = Content(kCa);
  options.tls.client = {.certificate_pem = Content(kClientCertificate),
                        .key_pem = Secret(Content(kClientKey))};
  return *net::CurlHttpClient::New(*net::ParseUrl(std::getenv(kServer)), std::move(options));
}

class RealKubeWorld final : public KubeWorld {
 public:
  // Nothing ends a namespace there: it stays until the server is taken down.
  RealKubeWorld() {
    static int counter = 0;
    ns_ = Cat("contract-", ::getpid(), "-", ++counter);
    const Json object = {
        {"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", ns_}}}};
    EXPECT_THAT(client_.Create(Context::Background(), k8s::kNamespaces, object), IsOk());
  }

  k8s::Client& client() override { return client_; }

  std::string ns() override { return ns_; }

  void PutSecret(const std::string& name, const Json& data) override {
    const k8s::ApiCall call = {
        .verb = "create", .resource = k8s::kSecrets, .name = {.ns = ns_, .name = name}, .part = ""};
    net::HttpRequest request =
        k8s::NewRequest("POST", *k8s::CollectionPath(call.resource, call.name.ns));
    k8s::SetJsonBody(request, k8s::kJsonType,
                     {{"apiVersion", "v1"},
                      {"kind", "Secret"},
                      {"metadata", {{"name", name}, {"namespace", ns_}}},
                      {"data", data}});
    const k8s::RestSender sender(*http_, nullptr, {});
    EXPECT_THAT(sender.Send(Context::Background(), call, std::move(request), false), IsOk());
  }

 private:
  const std::unique_ptr<net::HttpClient> http_ = Connect();
  k8s::RestClient client_{*http_};
  std::string ns_;
};

// None where there is no server, so that no case of the contract is counted as run.
std::vector<KubeCase> Real() {
  if (!WhyAbsent().empty()) {
    return {};
  }
  return {KubeCase{"real", [] { return std::make_unique<RealKubeWorld>(); }}};
}

TEST(KubeContractReal, HasServerToRunOver) {
  if (!WhyAbsent().empty()) {
    GTEST_SKIP() << WhyAbsent();
  }
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KubeClientContract);
INSTANTIATE_TEST_SUITE_P(Real,
                         KubeClientContract,
                         ::testing::ValuesIn(Real()),
                         KubeClientContract::Name);

}  // namespace rbdcrypt::testing
