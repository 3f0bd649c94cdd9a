// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_omap.h"

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

FakeObject* Find(FakeSpace& space, const std::string& object) {
  const auto found = space.objects.find(object);
  return found == space.objects.end() ? nullptr : &found->second;
}

Status NoObject(std::string_view object) {
  return NotFound(Cat("no RADOS object ", object));
}

std::string KeysOf(const rbd::OmapValues& values) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values) {
    keys.push_back(key);
  }
  return Join(keys, ",");
}

}  // namespace

Status FakeOmap::CreateObject(std::string_view object, const rbd::OmapValues& values) {
  const std::string name(object);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    if (Find(space, name) != nullptr) {
      return AlreadyExists(Cat("RADOS object ", name, " is there"));
    }
    return FakeEffect{Cat("omap.create ", name), [&] { space.objects[name].omap = values; }};
  });
}

Status FakeOmap::RemoveObject(std::string_view object) {
  const std::string name(object);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    if (Find(space, name) == nullptr) {
      return FakeEffect{};
    }
    return FakeEffect{Cat("omap.remove ", name), [&] { space.objects.erase(name); }};
  });
}

Result<bool> FakeOmap::ObjectExists(std::string_view object) {
  bool exists = false;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    exists = Find(space, std::string(object)) != nullptr;
    return OkStatus();
  }));
  return exists;
}

Result<rbd::OmapValues> FakeOmap::List(std::string_view object, std::string_view prefix) {
  rbd::OmapValues values;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    const FakeObject* found = Find(space, std::string(object));
    if (found == nullptr) {
      return NoObject(object);
    }
    for (const auto& [key, value] : found->omap) {
      if (key.starts_with(prefix)) {
        values[key] = value;
      }
    }
    return OkStatus();
  }));
  return values;
}

Result<std::string> FakeOmap::Get(std::string_view object, std::string_view key) {
  ASSIGN_OR_RETURN(const rbd::OmapValues values, List(object, key));
  const auto found = values.find(std::string(key));
  if (found == values.end()) {
    return NotFound(Cat("RADOS object ", object, " has no key ", key));
  }
  return found->second;
}

Status FakeOmap::Set(std::string_view object, const rbd::OmapValues& values) {
  const std::string name(object);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    return FakeEffect{Cat("omap.set ", name, " ", KeysOf(values)), [&] {
                        rbd::OmapValues& omap = space.objects[name].omap;
                        for (const auto& [key, value] : values) {
                          omap[key] = value;
                        }
                      }};
  });
}

Status FakeOmap::SetNew(std::string_view object, std::string_view key, std::string_view value) {
  const std::string name(object);
  const std::string new_key(key);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const FakeObject* found = Find(space, name);
    if (found != nullptr && found->omap.contains(new_key)) {
      return AlreadyExists(Cat("RADOS object ", name, " has a key ", key));
    }
    return FakeEffect{Cat("omap.set ", name, " ", key),
                      [&] { space.objects[name].omap[new_key] = value; }};
  });
}

Status FakeOmap::CompareAndSet(std::string_view object,
                               std::string_view key,
                               std::string_view expected,
                               const rbd::OmapValues& values) {
  const std::string name(object);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    const FakeObject* found = Find(space, name);
    const auto present = found == nullptr ? rbd::OmapValues() : found->omap;
    const auto value = present.find(std::string(key));
    if ((found == nullptr && !expected.empty()) ||
        (value == present.end() ? std::string() : value->second) != expected) {
      return Aborted(Cat("key ", key, " of RADOS object ", object, " was changed meanwhile"));
    }
    return FakeEffect{Cat("omap.set ", name, " ", KeysOf(values)), [&] {
                        rbd::OmapValues& omap = space.objects[name].omap;
                        for (const auto& [new_key, new_value] : values) {
                          omap[new_key] = new_value;
                        }
                      }};
  });
}

Status FakeOmap::RemoveKey(std::string_view object, std::string_view key, std::string_view value) {
  const std::string old_key(key);
  return seat_.Change([&](FakeSpace& space) -> Result<FakeEffect> {
    FakeObject* found = Find(space, std::string(object));
    if (found == nullptr || !found->omap.contains(old_key)) {
      return FakeEffect{};
    }
    if (found->omap[old_key] != value) {
      return Aborted(Cat("key ", key, " of RADOS object ", object, " has another value"));
    }
    return FakeEffect{Cat("omap.unset ", object, " ", key), [=] { found->omap.erase(old_key); }};
  });
}

Result<std::vector<std::string>> FakeOmap::ListObjects(std::string_view prefix) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(seat_.Ask([&](FakeSpace& space) {
    for (const auto& [name, object] : space.objects) {
      if (name.starts_with(prefix)) {
        names.push_back(name);
      }
    }
    return OkStatus();
  }));
  return names;
}

}  // namespace rbdcrypt::testing
