// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/image_metadata.h"

#include <cerrno>
#include <vector>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/class_input.h"

namespace rbdcrypt::rbd {
namespace {

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
                        const std::map<std::string, std::string>& pairs) {
  ClassInput input;
  input.Uint32(pairs.size());
  std::vector<std::string> keys;
  for (const auto& [key, value] : pairs) {
    input.Text(key).Text(value);
    keys.push_back(key);
  }
  const int result = Call(pool, header_object, "metadata_set", input.bytes());
  return result < 0
             ? pool.Error(result, Cat("write metadata ", Join(keys, ", "), " of"), header_object)
             : OkStatus();
}

Status RemoveImageMetadata(const RadosPool& pool,
                           const std::string& header_object,
                           std::string_view key) {
  ClassInput input;
  input.Text(key);
  const int result = Call(pool, header_object, "metadata_remove", input.bytes());
  return result < 0 && result != -ENOENT
             ? pool.Error(result, Cat("remove metadata ", key, " of"), header_object)
             : OkStatus();
}

}  // namespace rbdcrypt::rbd
