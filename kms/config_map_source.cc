// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/config_map_source.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "k8s/api_path.h"

namespace rbdcrypt::kms {
namespace {

k8s::WatcherOptions WatchOf(const k8s::ObjectName& name) {
  return {.resource = k8s::kConfigMaps,
          .selection = {.ns = name.ns, .fields = Cat("metadata.name=", name.name)}};
}

Result<WatchedConfigMap::Data> DataOf(const Json& object) {
  ASSIGN_OR_RETURN(k8s::ConfigMap map, k8s::ParseConfigMap(object));
  return std::make_shared<const k8s::StringMap>(std::move(map.data));
}

// The text of a key, or null.
const std::string* TextOf(const WatchedConfigMap::Data& data, std::string_view key) {
  if (data == nullptr) {
    return nullptr;
  }
  const auto found = data->find(key);
  return found == data->end() ? nullptr : &found->second;
}

template <typename T>
Result<T> In(const WatchedConfigMap& map, Result<T> result) {
  return result.ok() ? std::move(result)
                     : Annotate(result.status(), k8s::Describe(k8s::kConfigMaps, map.name()));
}

}  // namespace

WatchedConfigMap::WatchedConfigMap(k8s::Client& client,
                                   Clock& clock,
                                   k8s::ObjectName name,
                                   std::function<void()> changed)
    : client_(client),
      name_(std::move(name)),
      changed_(std::move(changed)),
      watcher_(client,
               clock,
               WatchOf(name_),
               [this](const std::vector<k8s::ObjectChange>& /*changes*/,
                      const k8s::ObjectSet& all) { Keep(all); }) {}

void WatchedConfigMap::Keep(const k8s::ObjectSet& objects) {
  Data data;
  if (const auto found = objects.find(name_); found != objects.end()) {
    Result<Data> read = DataOf(found->second);
    if (!read.ok()) {
      LogWarn(
          "kms_configuration_unreadable",
          {{"configmap", name_.name}, {"namespace", name_.ns}, {"error", Message(read.status())}});
      return;
    }
    data = *std::move(read);
  }
  {
    const absl::MutexLock lock(&mutex_);
    data_ = std::move(data);
    is_heard_ = true;
  }
  if (changed_) {
    changed_();
  }
}

Result<WatchedConfigMap::Data> WatchedConfigMap::Read(const Context& context) {
  {
    const absl::MutexLock lock(&mutex_);
    if (is_heard_) {
      return data_;
    }
  }
  const Result<Json> object = client_.Get(context, k8s::kConfigMaps, name_);
  if (object.status().code() == Code::kNotFound) {
    return Data();
  }
  if (object.status().code() == Code::kPermissionDenied) {
    // That of the six conditions which passes once the administrator acted (base/status.h).
    return Unavailable(Cat("read the KMS configuration: ", Message(object.status())));
  }
  RETURN_IF_ERROR(object.status());
  return DataOf(*object);
}

ConfigMapSource::Watched::Watched(k8s::Client& client, Clock& clock, const Options& options)
    : entries(client, clock, {.ns = options.ns, .name = options.name}, options.changed),
      file(client,
           clock,
           {.ns = options.ns, .name = std::string(kFileConfigMapName)},
           options.changed) {}

ConfigMapSource::Watched& ConfigMapSource::Maps() {
  const absl::MutexLock lock(&mutex_);
  if (watched_ == nullptr) {
    watched_ = std::make_unique<Watched>(client_, clock_, options_);
  }
  return *watched_;
}

void ConfigMapSource::AskToStop() {
  const absl::MutexLock lock(&mutex_);
  if (watched_ != nullptr) {
    watched_->AskToStop();
  }
}

Result<ConfigEntry> ConfigMapSource::Find(const Context& context, std::string_view kms_id) {
  RETURN_IF_ERROR(context.Check("read the KMS configuration"));
  Watched& maps = Maps();
  ASSIGN_OR_RETURN(const WatchedConfigMap::Data entries, maps.entries.Read(context));
  if (const std::string* text = TextOf(entries, kms_id); text != nullptr) {
    return In(maps.entries, ParseEntry(*text, kms_id));
  }
  ASSIGN_OR_RETURN(const WatchedConfigMap::Data file, maps.file.Read(context));
  if (const std::string* text = TextOf(file, kFileConfigMapKey); text != nullptr) {
    return In(maps.file, FindEntry(*text, kms_id));
  }
  return Annotate(NoSuchEntry(kms_id), k8s::Describe(k8s::kConfigMaps, maps.entries.name()));
}

Result<std::set<std::string>> ConfigMapSource::Ids(const Context& context) {
  RETURN_IF_ERROR(context.Check("read the KMS configuration"));
  Watched& maps = Maps();
  std::set<std::string> ids;
  ASSIGN_OR_RETURN(const WatchedConfigMap::Data file, maps.file.Read(context));
  if (const std::string* text = TextOf(file, kFileConfigMapKey); text != nullptr) {
    Result<std::set<std::string>> of_file = In(maps.file, EntryIds(*text));
    if (of_file.ok()) {
      ids = *std::move(of_file);
    } else {
      // The other one's entries are none the worse for it.
      LogWarn("kms_configuration_unreadable", {{"error", Message(of_file.status())}});
    }
  }
  ASSIGN_OR_RETURN(const WatchedConfigMap::Data entries, maps.entries.Read(context));
  if (entries != nullptr) {
    for (const auto& [id, text] : *entries) {
      ids.insert(id);
    }
  }
  return ids;
}

}  // namespace rbdcrypt::kms
