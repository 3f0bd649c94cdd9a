// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// What the reader takes is written again as it was.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/secret.h"
#include "base/status.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "tests/kmip/rewrite.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rbdcrypt;
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto view = kmip::TtlvView::Parse(bytes);
  if (!view.ok()) {
    RBDCRYPT_CHECK(view.status().code() == Code::kDataLoss);
    return 0;
  }
  kmip::TtlvWriter writer;
  kmip::Rewrite(*view, writer);
  RBDCRYPT_CHECK(std::ranges::equal(std::move(writer).Take().Reveal(), bytes));
  const auto announced =
      kmip::TtlvView::MessageBytes(bytes.first(kmip::kItemHeaderBytes), view->tag());
  RBDCRYPT_CHECK(!announced.ok() || *announced == size);
  return 0;
}
