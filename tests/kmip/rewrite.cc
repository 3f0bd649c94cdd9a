// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/kmip/rewrite.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace rbdcrypt::kmip {
namespace {

std::uint64_t BigEndian(std::span<const std::byte> bytes) {
  std::uint64_t number = 0;
  for (const std::byte byte : bytes) {
    number = number << 8U | std::to_integer<std::uint64_t>(byte);
  }
  return number;
}

}  // namespace

void Rewrite(const TtlvView& view, TtlvWriter& out) {
  switch (view.type()) {
    case Type::kStructure:
      out.Begin(view.tag());
      for (const TtlvView& item : view.Items()) {
        Rewrite(item, out);
      }
      out.End();
      break;
    case Type::kInteger:
      out.Integer(view.tag(), view.AsInteger().value());
      break;
    case Type::kLongInteger:
      out.LongInteger(view.tag(), view.AsLongInteger().value());
      break;
    case Type::kBigInteger:
      out.BigInteger(view.tag(), view.value());
      break;
    case Type::kEnumeration:
      out.Enumeration(view.tag(), view.AsEnumeration().value());
      break;
    case Type::kBoolean:
      out.Boolean(view.tag(), view.AsBoolean().value());
      break;
    case Type::kTextString:
      out.Text(view.tag(), view.AsText().value());
      break;
    case Type::kByteString:
      out.Bytes(view.tag(), view.AsBytes().value());
      break;
    case Type::kDateTime:
      out.DateTime(view.tag(), view.AsDateTime().value());
      break;
    case Type::kInterval:
      out.Interval(view.tag(), view.AsInterval().value());
      break;
    case Type::kDateTimeExtended:
      out.DateTimeExtended(view.tag(), static_cast<std::int64_t>(BigEndian(view.value())));
      break;
  }
}

}  // namespace rbdcrypt::kmip
