// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "kms/key_admin.h"
#include "tests/fakes/fake_kms.h"

namespace rbdcrypt::testing {

// The administration of a FakeWrappingKms. Its keys are called by the versions of its ring: "1".
class FakeKeyAdmin final : public kms::KeyAdmin {
 public:
  explicit FakeKeyAdmin(std::shared_ptr<FakeWrappingKms> kms) : kms_(std::move(kms)) {}

  Result<NewKey> CreateKey(const Context& context, int bits, std::string_view name) override;
  Result<bool> IsWrappedBy(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped,
                           std::string_view key_id) override;
  Status DestroyKey(const Context& context, std::string_view key_id) override;

 private:
  const std::shared_ptr<FakeWrappingKms> kms_;
};

}  // namespace rbdcrypt::testing
