// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/contract/kube_client_contract.h"

#include "k8s/rest_client.h"
#include "tests/fakes/fake_kube_api.h"

namespace rbdcrypt::testing {
namespace {

class FakeKubeWorld final : public KubeWorld {
 public:
  k8s::Client& client() override { return client_; }

  std::string ns() override { return "shop"; }

  void PutSecret(const std::string& name, const Json& data) override {
    api_.Put(k8s::kSecrets, {.ns = "shop", .name = name},
             {{"apiVersion", "v1"}, {"kind", "Secret"}, {"type", "Opaque"}, {"data", data}});
  }

 private:
  FakeKubeApi api_;
  k8s::RestClient client_{api_};
};

INSTANTIATE_TEST_SUITE_P(Fake,
                         KubeClientContract,
                         ::testing::Values(KubeCase{
                             "fake", [] { return std::make_unique<FakeKubeWorld>(); }}),
                         KubeClientContract::Name);

}  // namespace
}  // namespace rbdcrypt::testing
