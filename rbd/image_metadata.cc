// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/image_metadata.h"

#include <cerrno>
#include <cstdint>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

void AppendUint32(std::string& out, std::size_t value) {
  for (unsigned int shift = 0; shift < 32; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xffU));
  }
}

void AppendText(std::string& out, std::string_view text) {
  AppendUint32(out, text.size());
  out.append(text);
}

// Never makes the object: that of a removed image would stay for ever.
int Call(const RadosPool& pool,
         const std::string& object,
         const char* method,
         const std::string& input) {
  const CHandle<void, rados_release_write_op> op(rados_create_write_op());
  rados_write_op_assert_exists(op.get());
  rados_write_op_exec(op.get(), "rbd", method, input.data(), input.size(), nullptr);
  return rados_write_op_operate(op.get(), pool.io(), object.c_str(), nullptr, 0);
}

}  // namespace

Status SetImageMetadata(const RadosPool& pool,
                        const std::string& header_object,
                        std::string_view key,
                        std::string_view value) {
  std::string input;
  AppendUint32(input, 1);
  AppendText(input, key);
  AppendText(input, value);
  const int result = Call(pool, header_object, "metadata_set", input);
  return result < 0 ? pool.Error(result, Cat("write metadata ", key, " of"), header_object)
                    : OkStatus();
}

Status RemoveImageMetadata(const RadosPool& pool,
                           const std::string& header_object,
                           std::string_view key) {
  std::string input;
  AppendText(input, key);
  const int result = Call(pool, header_object, "metadata_remove", input);
  return result < 0 && result != -ENOENT
             ? pool.Error(result, Cat("remove metadata ", key, " of"), header_object)
             : OkStatus();
}

}  // namespace rbdcrypt::rbd
