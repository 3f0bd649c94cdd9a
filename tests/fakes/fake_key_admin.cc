// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_key_admin.h"

#include <cstdint>

#include "base/strings.h"

namespace rbdcrypt::testing {

Result<kms::KeyAdmin::NewKey> FakeKeyAdmin::CreateKey(const Context& context,
                                                      int bits,
                                                      std::string_view name) {
  RETURN_IF_ERROR(context.Check("make a key"));
  kms_->RotateKek();
  return NewKey{.id = std::to_string(kms_->kek()),
                .next_step = Cat("the key ", name, " of ", bits, " bits is in use")};
}

Result<bool> FakeKeyAdmin::IsWrappedBy(const Context& context,
                                       std::string_view /*volume_id*/,
                                       std::string_view wrapped,
                                       std::string_view key_id) {
  ASSIGN_OR_RETURN(const std::uint32_t version, kms_->KekOf(context, wrapped));
  return std::to_string(version) == key_id;
}

Status FakeKeyAdmin::DestroyKey(const Context& context, std::string_view key_id) {
  const auto version = ParseUint64(key_id);
  return version.has_value() ? kms_->DestroyKek(context, static_cast<std::uint32_t>(*version))
                             : NotFound(Cat("there is no key ", key_id));
}

}  // namespace rbdcrypt::testing
