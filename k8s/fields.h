// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "k8s/objects.h"

namespace rbdcrypt::k8s {

// Reads the fields of one object without a check after each: the first error stays, and is what
// status() says at the end. An absent object has absent fields.
//
//   Fields spec = Fields(pvc, "PersistentVolumeClaim").Part("spec");
//   claim.volume_name = spec.Text("volumeName");
//   RETURN_IF_ERROR(spec.status());
//
// A view: the object must outlive it. Not thread safe.
class Fields {
 public:
  Fields(const Json& object, std::string_view what);

  // A field that is an object itself; give its status to Check() when it was read.
  Fields Part(std::string_view field);

  // The objects of an array.
  std::vector<Fields> Parts(std::string_view field);

  std::string Text(std::string_view field);
  std::optional<std::string> OptionalText(std::string_view field);
  std::int64_t Int(std::string_view field);
  std::optional<std::int64_t> OptionalInt(std::string_view field);
  bool Bool(std::string_view field);
  std::optional<WallTime> Time(std::string_view field);
  // An object of strings.
  StringMap Texts(std::string_view field);

  // Whether the object is there.
  bool present() const { return object_ != nullptr; }

  void Check(const Status& status);

  const Status& status() const { return status_; }

 private:
  Fields() = default;

  // The field's value; null where it, or the object, is absent or null.
  const Json* Find(std::string_view field) const;
  Status WrongType(std::string_view field, std::string_view expected) const;

  const Json* object_ = nullptr;
  std::string what_;
  Status status_;
};

}  // namespace rbdcrypt::k8s
