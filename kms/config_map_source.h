// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/status.h"
#include "k8s/client.h"
#include "k8s/objects.h"
#include "k8s/watch.h"
#include "kms/config.h"
#include "kms/names.h"

namespace rbdcrypt::kms {

// The data of one ConfigMap, followed by a watch. While that has not been heard yet, be it that the
// service account may get ConfigMaps but not watch them (ceph-csi's may not), every Read is a GET.
// Thread safe.
class WatchedConfigMap {
 public:
  using Data = std::shared_ptr<const k8s::StringMap>;

  // `changed`, if any, runs on the watch's thread after every change, the first sight included.
  // `client` and `clock` must outlive it.
  WatchedConfigMap(k8s::Client& client,
                   Clock& clock,
                   k8s::ObjectName name,
                   std::function<void()> changed = nullptr);

  // Null: there is no such ConfigMap. kUnavailable: it cannot be read now, the text says why.
  Result<Data> Read(const Context& context);

  const k8s::ObjectName& name() const { return name_; }

  // Ends the watch, soon; see k8s::Worker.
  void AskToStop() { watcher_.AskToStop(); }

 private:
  void Keep(const k8s::ObjectSet& objects);

  k8s::Client& client_;
  const k8s::ObjectName name_;
  const std::function<void()> changed_;
  absl::Mutex mutex_;
  Data data_ ABSL_GUARDED_BY(mutex_);
  bool is_heard_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: its thread uses what stands above.
  k8s::Watcher watcher_;
};

// The KMS configuration in Kubernetes (ceph-csi-compat 6.1):
//
//   ConfigMap                                            holds
//   KMS_CONFIGMAP_NAME, or csi-kms-connection-details    KMS ID -> options as JSON text
//   ceph-csi-encryption-kms-config, key config.json      what FileConfigSource reads
//
// The first one that has an entry of the ID is taken. Unlike with ceph-csi, a malformed entry of
// the first one hurts itself alone, and the second one needs not be mounted. Changes count at once.
// The watches begin with the first question: where a file is mounted instead there is none.
class ConfigMapSource final : public ConfigSource {
 public:
  struct Options {
    std::string ns = {};
    std::string name = std::string(kConfigMapName);
    // See WatchedConfigMap.
    std::function<void()> changed = {};
  };

  // `client` and `clock` must outlive it.
  ConfigMapSource(k8s::Client& client, Clock& clock, Options options)
      : client_(client), clock_(clock), options_(std::move(options)) {}

  Result<ConfigEntry> Find(const Context& context, std::string_view kms_id) override;
  Result<std::set<std::string>> Ids(const Context& context) override;

  // For the end, which then comes sooner: the watches stop, and changes are not seen any more.
  void AskToStop();

 private:
  struct Watched {
    Watched(k8s::Client& client, Clock& clock, const Options& options);

    ~Watched() { AskToStop(); }

    void AskToStop() {
      entries.AskToStop();
      file.AskToStop();
    }

    WatchedConfigMap entries;
    WatchedConfigMap file;
  };

  Watched& Maps();

  k8s::Client& client_;
  Clock& clock_;
  const Options options_;
  absl::Mutex mutex_;
  std::unique_ptr<Watched> watched_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::kms
