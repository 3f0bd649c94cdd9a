// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/secret_text.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/evp.h>

#include "base/strings.h"

namespace rbdcrypt::rbd::attach {
namespace {

constexpr std::size_t kFirstCapacityBytes = 256;

unsigned char* Raw(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

std::span<std::byte> SecretText::Extend(std::size_t size) {
  if (used_ + size > buffer_.size()) {
    Secret larger(std::max({kFirstCapacityBytes, 2 * buffer_.size(), used_ + size}));
    std::ranges::copy(buffer_.Reveal().first(used_), larger.MutableBytes().begin());
    buffer_ = std::move(larger);
  }
  const auto added = buffer_.MutableBytes().subspan(used_, size);
  used_ += size;
  return added;
}

void SecretText::Append(std::string_view text) {
  std::ranges::copy(std::as_bytes(std::span(text)), Extend(text.size()).begin());
}

void SecretText::AppendBase64(const Secret& bytes) {
  const std::size_t length = (bytes.size() + 2) / 3 * 4;
  // EVP_EncodeBlock ends its output with a zero byte, which is taken back.
  const auto out = Extend(length + 1);
  EVP_EncodeBlock(Raw(out), reinterpret_cast<const unsigned char*>(bytes.Reveal().data()),
                  static_cast<int>(bytes.size()));
  --used_;
}

Secret SecretText::Take() {
  buffer_.Shrink(std::exchange(used_, 0));
  return std::move(buffer_);
}

Result<Secret> DecodeBase64(const Secret& text) {
  const std::string_view encoded = Trim(text.RevealText());
  Secret bytes(encoded.size() / 4 * 3 + 1);
  const int length = EVP_DecodeBlock(Raw(bytes.MutableBytes()),
                                     reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
  if (length <= 0 || encoded.size() % 4 != 0) {
    return InvalidArgument("not base64");
  }
  // The decoder counts the padding as bytes.
  const auto padding = std::min<std::size_t>(2, encoded.size() - 1 - encoded.find_last_not_of('='));
  bytes.Shrink(static_cast<std::size_t>(length) - padding);
  return bytes;
}

}  // namespace rbdcrypt::rbd::attach
