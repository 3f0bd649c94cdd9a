// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace rbdcrypt::rbd {

using OmapValues = std::map<std::string, std::string>;

// The omap of RADOS objects in one pool and namespace: what the journal is made of.
//
// Real: rbd/rados_omap. Fake: tests/fakes/fake_omap. Thread safe. Every call may also give
// kUnavailable and kAborted (this client was fenced).
class Omap {
 public:
  virtual ~Omap() = default;

  // Makes the object with `values` in one operation. kAlreadyExists: it is there; nothing changed.
  virtual Status CreateObject(std::string_view object, const OmapValues& values) = 0;

  // Ok if it is not there.
  virtual Status RemoveObject(std::string_view object) = 0;

  // Whether the object is there, with or without keys.
  virtual Result<bool> ObjectExists(std::string_view object) = 0;

  // All keys that begin with `prefix`. kNotFound: no such object.
  virtual Result<OmapValues> List(std::string_view object, std::string_view prefix) = 0;

  // kNotFound: no such object or key.
  virtual Result<std::string> Get(std::string_view object, std::string_view key) = 0;

  // Sets all of `values` in one operation, making the object if need be.
  virtual Status Set(std::string_view object, const OmapValues& values) = 0;

  // Sets `key` only where it is absent, compared in the same operation (safety G4).
  // kAlreadyExists: it has a value already, whatever it is.
  virtual Status SetNew(std::string_view object, std::string_view key, std::string_view value) = 0;

  // Sets all of `values` in one operation, only where `key` has the value `expected`, compared in
  // the same operation; "" stands for a key that is absent or empty, and makes the object if need
  // be. kAborted: the key has another value, or, `expected` not being "", there is no object.
  virtual Status CompareAndSet(std::string_view object,
                               std::string_view key,
                               std::string_view expected,
                               const OmapValues& values) = 0;

  // Removes `key` only where it has this `value`, compared in the same operation. Ok if object or
  // key is not there. kAborted: it has another value.
  virtual Status RemoveKey(std::string_view object,
                           std::string_view key,
                           std::string_view value) = 0;

  // Names of all objects that begin with `prefix`; reads the whole pool, for orphans only.
  virtual Result<std::vector<std::string>> ListObjects(std::string_view prefix) = 0;
};

}  // namespace rbdcrypt::rbd
