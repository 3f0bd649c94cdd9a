// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/rados_omap.h"

#include <cerrno>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

using WriteOp = CHandle<void, rados_release_write_op>;
using ReadOp = CHandle<void, rados_release_read_op>;
using OmapIterator = CHandle<void, rados_omap_get_end>;
using ObjectIterator = CHandle<void, rados_nobjects_list_close>;

int Operate(const RadosPool& pool, const WriteOp& op, std::string_view object) {
  return rados_write_op_operate(op.get(), pool.io(), std::string(object).c_str(), nullptr, 0);
}

void AddSet(const WriteOp& op, const OmapValues& values) {
  std::vector<const char*> keys;
  std::vector<const char*> contents;
  std::vector<std::size_t> key_sizes;
  std::vector<std::size_t> content_sizes;
  for (const auto& [key, value] : values) {
    keys.push_back(key.data());
    key_sizes.push_back(key.size());
    contents.push_back(value.data());
    content_sizes.push_back(value.size());
  }
  rados_write_op_omap_set2(op.get(), keys.data(), contents.data(), key_sizes.data(),
                           content_sizes.data(), values.size());
}

void AddCompare(const WriteOp& op, std::string_view key, std::string_view value) {
  rados_write_op_omap_cmp2(op.get(), key.data(), LIBRADOS_CMPXATTR_OP_EQ, value.data(), key.size(),
                           value.size(), nullptr);
}

// Moves the rest of `iterator` into `values`.
int TakeAll(const OmapIterator& iterator, OmapValues& values) {
  while (true) {
    char* key = nullptr;
    char* value = nullptr;
    std::size_t key_size = 0;
    std::size_t value_size = 0;
    const int result = rados_omap_get_next2(iterator.get(), &key, &value, &key_size, &value_size);
    if (result < 0 || key == nullptr) {
      return result;
    }
    values.insert_or_assign(std::string(key, key_size), std::string(value, value_size));
  }
}

}  // namespace

Status RadosOmap::CreateObject(std::string_view object, const OmapValues& values) {
  const WriteOp op(rados_create_write_op());
  rados_write_op_create(op.get(), LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  AddSet(op, values);
  const int result = Operate(*pool_, op, object);
  return result < 0 ? pool_->Error(result, "create object", object) : OkStatus();
}

Status RadosOmap::RemoveObject(std::string_view object) {
  const int result = rados_remove(pool_->io(), std::string(object).c_str());
  return result < 0 && result != -ENOENT ? pool_->Error(result, "remove object", object)
                                         : OkStatus();
}

Result<bool> RadosOmap::ObjectExists(std::string_view object) {
  const int result = rados_stat(pool_->io(), std::string(object).c_str(), nullptr, nullptr);
  if (result < 0 && result != -ENOENT) {
    return pool_->Error(result, "look for object", object);
  }
  return result == 0;
}

Result<bool> RadosOmap::ListPage(const std::string& object,
                                 const std::string& prefix,
                                 OmapValues& values) {
  const std::string after = values.empty() ? "" : values.rbegin()->first;
  const ReadOp op(rados_create_read_op());
  rados_omap_iter_t entries = nullptr;
  unsigned char more = 0;
  int listed = 0;
  rados_read_op_omap_get_vals2(op.get(), after.c_str(), prefix.c_str(), kOmapPageKeys, &entries,
                               &more, &listed);
  int result = rados_read_op_operate(op.get(), pool_->io(), object.c_str(), 0);
  const OmapIterator iterator(entries);
  if (result >= 0) {
    result = listed < 0 ? listed : TakeAll(iterator, values);
  }
  if (result < 0) {
    return pool_->Error(result, "list keys of object", object);
  }
  return more != 0;
}

Result<OmapValues> RadosOmap::List(std::string_view object, std::string_view prefix) {
  const std::string name(object);
  const std::string beginning(prefix);
  OmapValues values;
  bool more = true;
  while (more) {
    const std::size_t before = values.size();
    ASSIGN_OR_RETURN(more, ListPage(name, beginning, values));
    // Nothing new, though more is promised: an answer that would be asked for for ever.
    if (more && values.size() == before) {
      return Internal(Cat("list keys of object ", pool_->Spec(object), ": an empty page"));
    }
  }
  return values;
}

Result<std::string> RadosOmap::Get(std::string_view object, std::string_view key) {
  const ReadOp op(rados_create_read_op());
  const char* const keys[] = {key.data()};
  const std::size_t key_sizes[] = {key.size()};
  rados_omap_iter_t entries = nullptr;
  int got = 0;
  rados_read_op_omap_get_vals_by_keys2(op.get(), keys, 1, key_sizes, &entries, &got);
  int result = rados_read_op_operate(op.get(), pool_->io(), std::string(object).c_str(), 0);
  const OmapIterator iterator(entries);
  OmapValues values;
  if (result >= 0) {
    result = got < 0 ? got : TakeAll(iterator, values);
  }
  if (result < 0) {
    return pool_->Error(result, Cat("get key ", key, " of object"), object);
  }
  if (values.empty()) {
    return NotFound(Cat("object ", pool_->Spec(object), " has no key ", key));
  }
  return values.begin()->second;
}

Status RadosOmap::Set(std::string_view object, const OmapValues& values) {
  const WriteOp op(rados_create_write_op());
  rados_write_op_create(op.get(), LIBRADOS_CREATE_IDEMPOTENT, nullptr);
  AddSet(op, values);
  const int result = Operate(*pool_, op, object);
  return result < 0 ? pool_->Error(result, "set keys of object", object) : OkStatus();
}

Status RadosOmap::SetNew(std::string_view object, std::string_view key, std::string_view value) {
  Status taken = AlreadyExists(Cat("object ", pool_->Spec(object), " has a key ", key, " already"));
  const auto present = Get(object, key);
  if (present.ok()) {
    return taken;
  }
  if (present.status().code() != Code::kNotFound) {
    return present.status();
  }
  const WriteOp op(rados_create_write_op());
  // First, since a compare fails with ENOENT where there is no object.
  rados_write_op_create(op.get(), LIBRADOS_CREATE_IDEMPOTENT, nullptr);
  AddCompare(op, key, "");
  AddSet(op, {{std::string(key), std::string(value)}});
  const int result = Operate(*pool_, op, object);
  if (result == -ECANCELED) {
    return taken;
  }
  return result < 0 ? pool_->Error(result, Cat("set new key ", key, " of object"), object)
                    : OkStatus();
}

Status RadosOmap::CompareAndSet(std::string_view object,
                                std::string_view key,
                                std::string_view expected,
                                const OmapValues& values) {
  const WriteOp op(rados_create_write_op());
  if (expected.empty()) {
    // First, since a compare fails with ENOENT where there is no object.
    rados_write_op_create(op.get(), LIBRADOS_CREATE_IDEMPOTENT, nullptr);
  } else {
    rados_write_op_assert_exists(op.get());
  }
  AddCompare(op, key, expected);
  AddSet(op, values);
  const int result = Operate(*pool_, op, object);
  if (result == -ECANCELED || (result == -ENOENT && !expected.empty())) {
    return Aborted(Cat("object ", pool_->Spec(object), ": key ", key, " was changed meanwhile"));
  }
  return result < 0 ? pool_->Error(result, "set keys of object", object) : OkStatus();
}

Status RadosOmap::RemoveKey(std::string_view object, std::string_view key, std::string_view value) {
  const WriteOp op(rados_create_write_op());
  rados_write_op_assert_exists(op.get());
  AddCompare(op, key, value);
  const char* const keys[] = {key.data()};
  const std::size_t key_sizes[] = {key.size()};
  rados_write_op_omap_rm_keys2(op.get(), keys, key_sizes, 1);
  const int result = Operate(*pool_, op, object);
  if (result >= 0 || result == -ENOENT) {
    return OkStatus();
  }
  const std::string action = Cat("remove key ", key, " of object");
  if (result != -ECANCELED) {
    return pool_->Error(result, action, object);
  }
  // An absent key compares as "": only a present one is somebody else's.
  const auto present = Get(object, key);
  if (present.status().code() == Code::kNotFound) {
    return OkStatus();
  }
  return present.ok() ? Aborted(Cat(action, " ", pool_->Spec(object), ": it has another value"))
                      : present.status();
}

Result<std::vector<std::string>> RadosOmap::ListObjects(std::string_view prefix) {
  rados_list_ctx_t context = nullptr;
  int result = rados_nobjects_list_open(pool_->io(), &context);
  const ObjectIterator iterator(context);
  std::vector<std::string> names;
  while (result >= 0) {
    const char* name = nullptr;
    std::size_t size = 0;
    result = rados_nobjects_list_next2(context, &name, nullptr, nullptr, &size, nullptr, nullptr);
    if (result >= 0 && std::string_view(name, size).starts_with(prefix)) {
      names.emplace_back(name, size);
    }
  }
  if (result != -ENOENT) {
    return pool_->Error(result, "list objects of", "");
  }
  return names;
}

}  // namespace rbdcrypt::rbd
