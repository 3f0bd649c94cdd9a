// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_blocks.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/json.h"
#include "base/secret_base64.h"
#include "base/strings.h"
#include "rbd/attach/monitors.h"

namespace rbdcrypt::rbd::attach {
namespace {

constexpr std::string_view kKeyId = "ceph-key";
constexpr std::string_view kDekId = "dek";
constexpr std::string_view kImageNode = "image";
constexpr std::string_view kDiskNode = "disk";
// The image opened once more, without decryption, only to read its raw size.
constexpr std::string_view kProbeNode = "probe";

// qemu gives librados hosts and ports, which finds the protocol of each itself.
Result<Json> ServerList(const std::vector<std::string>& monitors) {
  ASSIGN_OR_RETURN(const auto addresses, ParseMonitors(monitors));
  Json servers = Json::array();
  for (const MonitorAddress& address : addresses) {
    const Json server = {{"host", address.host}, {"port", address.port}};
    if (std::ranges::count(servers, server) == 0) {
      servers.push_back(server);
    }
  }
  return servers;
}

Result<Json> ImageOptions(const QemuRecord& record, std::string_view node) {
  ASSIGN_OR_RETURN(const Json servers, ServerList(record.monitors));
  Json options = {{"driver", "rbd"},      {"node-name", node},
                  {"pool", record.pool},  {"image", record.image},
                  {"user", record.user},  {"server", servers},
                  {"key-secret", kKeyId}, {"auth-client-required", Json::array({"cephx"})}};
  if (!record.rados_namespace.empty()) {
    options["namespace"] = record.rados_namespace;
  }
  return options;
}

// With librbd's cache: it holds writes back only as a disk's own cache does, until a flush, and
// small ones are three times as fast [measured].
Result<Json> VolumeOptions(const QemuRecord& record) {
  ASSIGN_OR_RETURN(Json options, ImageOptions(record, kImageNode));
  options["read-only"] = record.read_only;
  options["discard"] = "ignore";
  options["cache"] = {{"direct", false}, {"no-flush", false}};
  if (record.encrypted) {
    options["encrypt"] = {{"format", "luks2"}, {"key-secret", kDekId}};
  }
  return options;
}

// Passes everything but discards, which fail; they reach it because its own discard is "unmap".
Json DiskOptions(bool read_only) {
  const Json refusal = {{"event", "none"},
                        {"iotype", "discard"},
                        {"errno", ENOSYS},
                        {"once", false},
                        {"immediately", true}};
  return {{"driver", "blkdebug"},
          {"node-name", kDiskNode},
          {"image", kImageNode},
          {"read-only", read_only},
          {"discard", "unmap"},
          {"cache", {{"direct", false}, {"no-flush", false}}},
          {"inject-error", Json::array({refusal})}};
}

Status Do(const Context& context,
          QmpClient& client,
          std::string_view command,
          const Json& arguments) {
  return client.Execute(context, command, arguments).status();
}

Result<std::uint64_t> NodeSize(const Context& context, QmpClient& client, std::string_view node) {
  ASSIGN_OR_RETURN(const Json nodes,
                   client.Execute(context, "query-named-block-nodes", {{"flat", true}}));
  for (const Json& entry : nodes) {
    if (entry.value("node-name", "") == node && entry.contains("image")) {
      return entry["image"].value("virtual-size", std::uint64_t{0});
    }
  }
  return Unavailable(Cat("qemu-storage-daemon has no node ", node, "; detach and attach again"));
}

// The image's size in the cluster, header included. Opened read-only, it registers no watcher.
Result<std::uint64_t> RawSize(const Context& context, QmpClient& client, const QemuRecord& record) {
  ASSIGN_OR_RETURN(Json options, ImageOptions(record, kProbeNode));
  options["read-only"] = true;
  const Json node = {{"node-name", kProbeNode}};
  // Left by a call that was cut off, it would show an old size.
  Do(context, client, "blockdev-del", node).IgnoreError();
  RETURN_IF_ERROR(Do(context, client, "blockdev-add", options));
  auto size_bytes = NodeSize(context, client, kProbeNode);
  RETURN_IF_ERROR(Do(context, client, "blockdev-del", node));
  return size_bytes;
}

// The image must end with a whole sector of the encryption.
std::uint64_t WholeSectors(std::uint64_t bytes) {
  constexpr std::uint64_t kLargestSector = 4096;
  return (bytes + kLargestSector - 1) / kLargestSector * kLargestSector;
}

}  // namespace

Status GiveSecrets(const Context& context,
                   QmpClient& client,
                   const Secret& key,
                   const Secret* dek) {
  const auto key_bytes = SecretFromBase64(key.RevealText());
  if (!key_bytes.ok() || key_bytes->empty()) {
    return InvalidArgument("the key of the Ceph user is not in Ceph's text form");
  }
  RETURN_IF_ERROR(client.AddSecret(context, kKeyId, *key_bytes));
  return dek == nullptr ? OkStatus() : client.AddSecret(context, kDekId, *dek);
}

Status OpenImage(const Context& context, QmpClient& client, const QemuRecord& record) {
  ASSIGN_OR_RETURN(const Json image, VolumeOptions(record));
  RETURN_IF_ERROR(Annotate(Do(context, client, "blockdev-add", image),
                           Cat("open image ", record.pool, "/", record.image)));
  return Do(context, client, "blockdev-add", DiskOptions(record.read_only));
}

Status ExportDisk(const Context& context,
                  QmpClient& client,
                  const std::string& path,
                  bool read_only) {
  return Do(context, client, "block-export-add",
            {{"type", "fuse"},
             {"id", "export"},
             {"node-name", kDiskNode},
             {"mountpoint", path},
             {"writable", !read_only},
             {"growable", false},
             {"allow-other", "off"}});
}

Result<std::uint64_t> DiskSize(const Context& context, QmpClient& client) {
  return NodeSize(context, client, kDiskNode);
}

Result<std::uint64_t> GrowDisk(const Context& context,
                               QmpClient& client,
                               const QemuRecord& record,
                               std::uint64_t required_bytes) {
  ASSIGN_OR_RETURN(const std::uint64_t disk_before, DiskSize(context, client));
  ASSIGN_OR_RETURN(const std::uint64_t raw_before, RawSize(context, client, record));
  if (raw_before < disk_before + record.data_offset_bytes) {
    return DataLoss(Cat("image ", record.image, " has ", raw_before, " bytes, less than the ",
                        disk_before + record.data_offset_bytes,
                        " in use here; nothing was changed"));
  }
  const std::uint64_t wanted = std::max(raw_before, WholeSectors(required_bytes));
  RETURN_IF_ERROR(
      Do(context, client, "block_resize", {{"node-name", kDiskNode}, {"size", wanted}}));
  ASSIGN_OR_RETURN(const std::uint64_t raw_after, RawSize(context, client, record));
  ASSIGN_OR_RETURN(const std::uint64_t disk_after, DiskSize(context, client));
  if (raw_after < wanted || disk_after < disk_before) {
    return DataLoss(Cat("image ", record.image, " was to have ", wanted, " bytes and has ",
                        raw_after, ", of which ", disk_after, " are usable; before, it had ",
                        raw_before, " and ", disk_before));
  }
  return disk_after;
}

}  // namespace rbdcrypt::rbd::attach
