// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/cluster_config.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "base/handle.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

// Read at a time. There is no limit to the whole: a ConfigMap holds at most 1 MiB.
constexpr std::size_t kReadChunkBytes = 64 * 1024;

// The content, or nothing where there is no such file.
Result<std::optional<std::string>> ReadWholeFile(const std::string& path) {
  const CHandle<std::FILE, std::fclose> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    const int error = errno;
    if (error == ENOENT) {
      return std::nullopt;
    }
    return Unavailable(Message(FromErrno(error, Cat("open ", path))));
  }
  std::string content;
  std::string chunk(kReadChunkBytes, '\0');
  std::size_t count = 0;
  while ((count = std::fread(chunk.data(), 1, chunk.size(), file.get())) > 0) {
    content.append(chunk, 0, count);
  }
  if (std::ferror(file.get()) != 0) {
    return Unavailable(Cat("read ", path, ": the file cannot be read"));
  }
  return content;
}

Result<Json> ParseArray(std::string_view text, std::string_view what) {
  ASSIGN_OR_RETURN(Json list, ParseJson(text, what));
  if (!list.is_array()) {
    return InvalidArgument(Cat(what, " is not a JSON array"));
  }
  return list;
}

std::string Element(std::string_view what, std::size_t index) {
  return Cat(what, "[", index, "]");
}

Status ReadRbdSection(const Json& cluster, const std::string& what, ClusterEntry& entry) {
  const auto found = cluster.find("rbd");
  if (found == cluster.end() || found->is_null()) {
    return OkStatus();
  }
  const std::string section = Cat(what, ".rbd");
  ASSIGN_OR_RETURN(const auto rados_namespace, OptionalString(*found, "radosNamespace", section));
  ASSIGN_OR_RETURN(const auto mirrors, OptionalInt(*found, "mirrorDaemonCount", section));
  ASSIGN_OR_RETURN(const auto network, OptionalString(*found, "netNamespaceFilePath", section));
  if (mirrors.value_or(0) < 0 || mirrors.value_or(0) > std::numeric_limits<int>::max()) {
    return InvalidArgument(Cat(section, ".mirrorDaemonCount is out of range"));
  }
  entry.rados_namespace = rados_namespace.value_or("");
  entry.mirror_daemon_count = mirrors.value_or(0) == 0 ? 1 : static_cast<int>(*mirrors);
  entry.net_namespace_file = network.value_or("");
  return OkStatus();
}

Result<ClusterEntry> ReadEntry(const Json& cluster,
                               std::string_view cluster_id,
                               const std::string& what) {
  ClusterEntry entry;
  entry.cluster_id = cluster_id;
  ASSIGN_OR_RETURN(entry.monitors, StringArray(cluster, "monitors", what));
  if (entry.monitors.empty()) {
    return InvalidArgument(
        Cat(what, ".monitors is empty: clusterID ", cluster_id, " has no monitor to ask"));
  }
  RETURN_IF_ERROR(ReadRbdSection(cluster, what, entry));
  return entry;
}

// The other side of each pair of a JSON object of strings that has `one` on either side.
Result<std::vector<std::string>> OtherSides(const Json& pairs,
                                            std::string_view one,
                                            const std::string& what) {
  if (!pairs.is_object()) {
    return InvalidArgument(Cat(what, " is not a JSON object"));
  }
  std::vector<std::string> others;
  for (const auto& [left, value] : pairs.items()) {
    if (!value.is_string()) {
      return InvalidArgument(Cat(what, ".", left, " is not a string"));
    }
    const auto& right = value.get_ref<const std::string&>();
    if (right == one) {
      others.push_back(left);
    } else if (left == one) {
      others.push_back(right);
    }
  }
  return others;
}

Result<std::vector<std::string>> MappedClusters(const Json& mapping,
                                                std::string_view cluster_id,
                                                const std::string& what) {
  const auto found = mapping.find("clusterIDMapping");
  if (found == mapping.end() || found->is_null()) {
    return std::vector<std::string>();
  }
  return OtherSides(*found, cluster_id, Cat(what, ".clusterIDMapping"));
}

Result<std::vector<std::int64_t>> MappedPools(const Json& mapping,
                                              std::int64_t pool_id,
                                              const std::string& what) {
  std::vector<std::int64_t> pools;
  const auto found = mapping.find("RBDPoolIDMapping");
  if (found == mapping.end() || found->is_null()) {
    return pools;
  }
  const std::string list = Cat(what, ".RBDPoolIDMapping");
  if (!found->is_array()) {
    return InvalidArgument(Cat(list, " is not a JSON array"));
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    ASSIGN_OR_RETURN(const auto others, OtherSides((*found)[i], Cat(pool_id), Element(list, i)));
    for (const std::string& other : others) {
      const auto number = ParseUint64(other);
      if (!number.has_value() ||
          *number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return InvalidArgument(Cat(Element(list, i), ": a pool ID is no decimal number"));
      }
      pools.push_back(static_cast<std::int64_t>(*number));
    }
  }
  return pools;
}

}  // namespace

Result<ClusterEntry> ParseClusterEntry(std::string_view text,
                                       std::string_view cluster_id,
                                       std::string_view what) {
  ASSIGN_OR_RETURN(const Json clusters, ParseArray(text, what));
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    ASSIGN_OR_RETURN(const auto id, OptionalString(clusters[i], "clusterID", Element(what, i)));
    if (id.has_value() && *id == cluster_id && !cluster_id.empty()) {
      return ReadEntry(clusters[i], cluster_id, Element(what, i));
    }
  }
  return InvalidArgument(
      Cat("clusterID ", cluster_id, " is not in ", what, "; add it there, with its monitors"));
}

Result<std::vector<ClusterEntry>> ParseClusterEntries(std::string_view text,
                                                      std::string_view what) {
  ASSIGN_OR_RETURN(const Json clusters, ParseArray(text, what));
  std::vector<ClusterEntry> entries;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    ASSIGN_OR_RETURN(const auto id, OptionalString(clusters[i], "clusterID", Element(what, i)));
    const bool is_known =
        std::any_of(entries.begin(), entries.end(),
                    [&](const ClusterEntry& entry) { return entry.cluster_id == id.value_or(""); });
    if (!id.value_or("").empty() && !is_known) {
      ASSIGN_OR_RETURN(ClusterEntry entry, ReadEntry(clusters[i], *id, Element(what, i)));
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

Result<std::vector<MappedLocation>> ParseMappedLocations(std::string_view text,
                                                         const MappedLocation& place,
                                                         std::string_view what) {
  ASSIGN_OR_RETURN(const Json mappings, ParseArray(text, what));
  std::vector<MappedLocation> locations;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const std::string element = Element(what, i);
    if (!mappings[i].is_object()) {
      return InvalidArgument(Cat(element, " is not a JSON object"));
    }
    ASSIGN_OR_RETURN(const auto clusters, MappedClusters(mappings[i], place.cluster_id, element));
    ASSIGN_OR_RETURN(const auto pools, MappedPools(mappings[i], place.pool_id, element));
    for (const std::string& cluster : clusters) {
      for (const std::int64_t pool : pools) {
        const MappedLocation other{.cluster_id = cluster, .pool_id = pool};
        if (other != place &&
            std::find(locations.begin(), locations.end(), other) == locations.end()) {
          locations.push_back(other);
        }
      }
    }
  }
  return locations;
}

ClusterConfig::ClusterConfig(std::string config_path, std::string mapping_path)
    : config_path_(std::move(config_path)), mapping_path_(std::move(mapping_path)) {}

Result<std::string> ClusterConfig::ReadConfig() const {
  ASSIGN_OR_RETURN(auto text, ReadWholeFile(config_path_));
  if (!text.has_value()) {
    return InvalidArgument(
        Cat("there is no ", config_path_, "; mount the ConfigMap that names the clusters"));
  }
  return *std::move(text);
}

Result<std::vector<ClusterEntry>> ClusterConfig::All() const {
  ASSIGN_OR_RETURN(const std::string text, ReadConfig());
  return ParseClusterEntries(text, config_path_);
}

Result<ClusterEntry> ClusterConfig::Find(std::string_view cluster_id) const {
  ASSIGN_OR_RETURN(const std::string text, ReadConfig());
  ASSIGN_OR_RETURN(ClusterEntry entry, ParseClusterEntry(text, cluster_id, config_path_));
  WarnOnceOfUnused(entry);
  return entry;
}

// What ceph-csi honours and we do not must not be ignored in silence.
void ClusterConfig::WarnOnceOfUnused(const ClusterEntry& entry) const {
  const bool has_unused = entry.mirror_daemon_count != 1 || !entry.net_namespace_file.empty();
  if (has_unused && !has_warned_.test_and_set()) {
    LogWarn("unused_cluster_configuration",
            {{"cluster", entry.cluster_id},
             {"fields", "rbd.mirrorDaemonCount, rbd.netNamespaceFilePath"},
             {"effect",
              "images are mapped in this process's network namespace, and a mirror "
              "daemon's watch counts as a user of its image"}});
  }
}

Result<std::vector<MappedLocation>> ClusterConfig::MappedLocations(std::string_view cluster_id,
                                                                   std::int64_t pool_id) const {
  ASSIGN_OR_RETURN(const auto text, ReadWholeFile(mapping_path_));
  if (!text.has_value()) {
    return std::vector<MappedLocation>();
  }
  return ParseMappedLocations(*text, {.cluster_id = std::string(cluster_id), .pool_id = pool_id},
                              mapping_path_);
}

}  // namespace rbdcrypt::rbd
