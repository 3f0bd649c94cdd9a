// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/krbd.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/krbd_request.h"

namespace rbdcrypt::rbd::attach {
namespace {

// The last close of a device makes udev look at it once more, which is one more use.
constexpr auto kBusyPatience = std::chrono::seconds(5);
constexpr auto kBusyPause = std::chrono::milliseconds(100);

AttachmentKey KeyOf(const AttachRequest& request) {
  return {.pool = request.pool,
          .rados_namespace = request.rados_namespace,
          .image = request.image,
          .volume_id = request.volume_id,
          .encrypted = request.dek != nullptr,
          .unmap_options = "",
          .cluster_fsid = request.cluster_fsid};
}

std::string ImageSpec(const AttachRequest& request) {
  return Cat(request.pool, "/",
             request.rados_namespace.empty() ? "" : request.rados_namespace + "/", request.image);
}

// The one option that the kernel takes for unmapping; noudev and its kind are the rbd program's.
std::string_view KernelUnmapOptions(std::string_view unmap_options) {
  constexpr std::string_view kForce = "force";
  const auto fields = Split(unmap_options, ',');
  const bool is_forced =
      std::ranges::any_of(fields, [&](const std::string& field) { return Trim(field) == kForce; });
  return is_forced ? kForce : "";
}

Result<Attachment> DeviceAt(const std::string& path) {
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes, DeviceSize(path));
  return Attachment{.device_path = path, .size_bytes = size_bytes};
}

// Nothing where it does not answer: its client was blocklisted, or it stands over a device that was
// unmapped by force, though another of that name may be there by now.
Result<std::optional<Attachment>> LiveDeviceAt(const std::string& path) {
  ASSIGN_OR_RETURN(const bool is_alive, IsAlive(path));
  if (!is_alive) {
    return std::nullopt;
  }
  return DeviceAt(path);
}

bool IsOf(const RbdDevice& device, const AttachmentKey& key) {
  const bool may_be_of_cluster = key.cluster_fsid.empty() || device.cluster_fsid.empty() ||
                                 device.cluster_fsid == key.cluster_fsid;
  return may_be_of_cluster && device.pool == key.pool &&
         device.rados_namespace == key.rados_namespace && device.image == key.image &&
         device.snapshot == "-";
}

bool IsOver(const Mapping& mapping, const RbdDevice& device) {
  return mapping.is_luks && mapping.backing == std::vector<std::string>{device.Name()};
}

Status ForeignMapping(std::string_view name, const Mapping& mapping) {
  return FailedPrecondition(
      Cat("mapping ", name, " exists, but over ",
          mapping.backing.empty() ? "no device" : Join(mapping.backing, ","),
          ", which is not this volume's image; it was left alone: close it by hand"));
}

// For writing; what may be read all the same, the kernel judges by itself.
Status CheckFeatures(const RbdBus& bus, const AttachRequest& request) {
  ASSIGN_OR_RETURN(const std::uint64_t supported, bus.SupportedFeatures());
  const std::uint64_t missing = request.image_features & ~supported;
  if (supported == 0 || missing == 0 || request.read_only) {
    return OkStatus();
  }
  return FailedPrecondition(
      Cat("image ", ImageSpec(request),
          " has features this kernel's rbd module lacks: ", FeatureNames(missing),
          "; take them out of the StorageClass's imageFeatures, or disable "
          "them on the image (rbd feature disable)"));
}

// What the kernel meant by an errno of mapping.
Status ExplainMapError(int error, const AttachRequest& request) {
  const std::string what = Cat("map image ", ImageSpec(request));
  switch (error) {
    case ENXIO:
      return FailedPrecondition(Cat(what,
                                    ": the kernel lacks a feature of the image; see "
                                    "imageFeatures and the kernel's log"));
    case EPERM:
    case EACCES:
      return PermissionDenied(
          Cat(what, ": Ceph refuses user ", request.cluster.user, " or its key"));
    case EINVAL:
      return InvalidArgument(Cat(what, ": the kernel rejects the request; check mapOptions \"",
                                 request.map_options, "\" and the kernel's log"));
    case EIO:
      return Unavailable(Cat(what, ": no monitor answers"));
    default:
      return FromErrno(error, what);
  }
}

}  // namespace

Krbd::Krbd(Parts parts) : parts_(std::move(parts)) {}

Status Krbd::SupportsCipher(std::string_view /*cipher*/, std::uint32_t sector_bytes) const {
  if (sector_bytes < 512 || sector_bytes > 4096 || (sector_bytes & (sector_bytes - 1)) != 0) {
    return InvalidArgument(Cat("dm-crypt has no sectors of ", sector_bytes, " bytes"));
  }
  return OkStatus();
}

Result<Attachment> Krbd::Attach(const Context& context, const AttachRequest& request) {
  RETURN_IF_ERROR(LoadModule(context));
  ASSIGN_OR_RETURN(const Mapped mapped, MapOrReuse(context, request));
  auto attachment = Open(context, request, mapped);
  if (!attachment.ok() && mapped.is_new) {
    // Only what this call made is undone; that the image stays mapped is for Detach to mend.
    Unmap(context, mapped.device, "").IgnoreError();
  }
  return attachment;
}

Result<Krbd::Mapped> Krbd::MapOrReuse(const Context& context, const AttachRequest& request) {
  const AttachmentKey key = KeyOf(request);
  ASSIGN_OR_RETURN(auto device, FindDevice(key));
  if (device) {
    ASSIGN_OR_RETURN(const std::string path, parts_.bus.WaitForNode(context, *device));
    ASSIGN_OR_RETURN(const bool is_alive, IsAlive(path));
    if (!is_alive) {
      RETURN_IF_ERROR(Annotate(Detach(context, key), Cat("take down ", path, ", which is dead")));
      device.reset();
    }
  }
  const bool is_new = !device;
  if (is_new) {
    RETURN_IF_ERROR(CheckFeatures(parts_.bus, request));
    RETURN_IF_ERROR(AfterEffect("attach.krbd-mapped", Map(context, request)));
    ASSIGN_OR_RETURN(device, FindDevice(key));
    if (!device) {
      return Unavailable(Cat("image ", ImageSpec(request), " was mapped, but its device is gone"));
    }
  } else if (device->read_only && !request.read_only) {
    return FailedPrecondition(Cat("image ", ImageSpec(request), " is mapped read-only as ",
                                  device->Name(), "; unstage it first"));
  }
  ASSIGN_OR_RETURN(std::string path, parts_.bus.WaitForNode(context, *device));
  return Mapped{.device = *std::move(device), .path = std::move(path), .is_new = is_new};
}

Result<Attachment> Krbd::Open(const Context& context,
                              const AttachRequest& request,
                              const Mapped& mapped) {
  if (request.dek == nullptr) {
    if (!request.may_hold_luks) {
      RETURN_IF_ERROR(RefusePlainUseOfLuks(mapped.path));
    }
    return DeviceAt(mapped.path);
  }
  const std::string name = MappingName(request.volume_id);
  ASSIGN_OR_RETURN(const bool is_open, IsOpen(context, request, mapped));
  if (!is_open) {
    RETURN_IF_ERROR(
        AfterEffect("attach.dm-crypt-opened",
                    parts_.dm_crypt.Activate(context, {.device = mapped.path,
                                                       .name = name,
                                                       .dek = *request.dek,
                                                       .keyslot = request.keyslot,
                                                       .read_only = request.read_only})));
  }
  return DeviceAt(Path(name));
}

// Whether the mapping is there and good. One that is unfinished, or whose device is gone, is closed
// on the way (safety D1, D2).
Result<bool> Krbd::IsOpen(const Context& context,
                          const AttachRequest& request,
                          const Mapped& mapped) {
  const std::string name = MappingName(request.volume_id);
  RETURN_IF_ERROR(parts_.dm_crypt.RemoveUnfinished(name));
  ASSIGN_OR_RETURN(const auto mapping, parts_.dm_crypt.Find(name));
  if (!mapping) {
    return false;
  }
  if (IsOver(*mapping, mapped.device)) {
    if (mapping->read_only && !request.read_only) {
      return FailedPrecondition(Cat(Path(name), " is read-only; unstage the volume first"));
    }
    // A device that was unmapped by force and mapped again has the same name: only a read tells.
    const Result<bool> is_alive = mapped.is_new ? Result<bool>(false) : IsAlive(Path(name));
    // Who made the mapping may have been killed before its node was made.
    if (!is_alive.ok() && is_alive.status().code() != Code::kNotFound) {
      return is_alive.status();
    }
    if (is_alive.value_or(false)) {
      return true;
    }
  } else if (!mapping->is_luks || !mapping->backing.empty()) {
    return ForeignMapping(name, *mapping);
  }
  RETURN_IF_ERROR(Annotate(parts_.dm_crypt.Deactivate(context, name), "close a dead mapping"));
  return false;
}

Status Krbd::Detach(const Context& context, const AttachmentKey& key) {
  RETURN_IF_ERROR(CloseMapping(context, key));
  ASSIGN_OR_RETURN(const auto device, FindDevice(key));
  if (!device) {
    return OkStatus();
  }
  return AfterEffect("detach.krbd-unmapped", Unmap(context, *device, key.unmap_options));
}

// Looked for even where the record says plain: what stands in the way of unmapping is in the way.
Status Krbd::CloseMapping(const Context& context, const AttachmentKey& key) {
  const std::string name = MappingName(key.volume_id);
  RETURN_IF_ERROR(parts_.dm_crypt.RemoveUnfinished(name));
  ASSIGN_OR_RETURN(const auto mapping, parts_.dm_crypt.Find(name));
  if (!mapping) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const auto device, FindDevice(key));
  const bool is_dead = mapping->is_luks && mapping->backing.empty();
  if (!is_dead && !(device && IsOver(*mapping, *device))) {
    return ForeignMapping(name, *mapping);
  }
  return AfterEffect("detach.dm-crypt-closed", parts_.dm_crypt.Deactivate(context, name));
}

Result<std::optional<Attachment>> Krbd::Find(const Context& context, const AttachmentKey& key) {
  ASSIGN_OR_RETURN(const auto device, FindDevice(key));
  if (!device) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(const std::string path, parts_.bus.WaitForNode(context, *device));
  if (!key.encrypted) {
    return LiveDeviceAt(path);
  }
  const std::string name = MappingName(key.volume_id);
  ASSIGN_OR_RETURN(const auto mapping, parts_.dm_crypt.Find(name));
  if (!mapping || (mapping->is_luks && mapping->backing.empty())) {
    return std::nullopt;
  }
  if (!IsOver(*mapping, *device)) {
    return ForeignMapping(name, *mapping);
  }
  return LiveDeviceAt(Path(name));
}

Result<Attachment> Krbd::Grow(const Context& context,
                              const AttachmentKey& key,
                              std::uint64_t required_bytes) {
  ASSIGN_OR_RETURN(const auto attachment, Find(context, key));
  ASSIGN_OR_RETURN(const auto device, FindDevice(key));
  if (!attachment || !device) {
    return NotFound(Cat("image ", key.pool, "/", key.image, " is not attached to this node"));
  }
  if (const int error = parts_.bus.Refresh(*device); error != 0) {
    return FromErrno(error, Cat("read the size of image ", key.image, " again"));
  }
  ASSIGN_OR_RETURN(const std::string raw_path, parts_.bus.WaitForNode(context, *device));
  ASSIGN_OR_RETURN(const std::uint64_t raw_bytes, DeviceSize(raw_path));
  if (raw_bytes < required_bytes) {
    return Unavailable(Cat("image ", key.pool, "/", key.image, " has ", raw_bytes,
                           " bytes, not yet the ", required_bytes,
                           " that were asked for; expand it in the controller first "
                           "(ControllerExpandVolume), then here again"));
  }
  if (key.encrypted) {
    RETURN_IF_ERROR(parts_.dm_crypt.Resize(MappingName(key.volume_id)));
  }
  return DeviceAt(attachment->device_path);
}

Result<std::optional<RbdDevice>> Krbd::FindDevice(const AttachmentKey& key) const {
  ASSIGN_OR_RETURN(const auto devices, parts_.bus.List());
  std::optional<RbdDevice> found;
  for (const RbdDevice& device : devices) {
    if (!IsOf(device, key)) {
      continue;
    }
    if (found && found->cluster_fsid != device.cluster_fsid) {
      return FailedPrecondition(
          Cat("image ", key.pool, "/", key.image, " is mapped from two clusters, as ",
              found->Name(), " and ", device.Name(), ", and volume ", key.volume_id,
              "'s record does not say which one it is of; unmap one of them by hand"));
    }
    found = found ? found : device;
  }
  return found;
}

Status Krbd::LoadModule(const Context& context) {
  if (parts_.bus.Exists()) {
    return OkStatus();
  }
  const auto loaded =
      parts_.subprocess.RunChecked(context, {.argv = {"modprobe", "rbd"}, .standard_input = {}});
  if (!loaded.ok() || !parts_.bus.Exists()) {
    return FailedPrecondition(Cat("the kernel module rbd cannot be loaded",
                                  loaded.ok() ? "" : ": " + Message(loaded.status())));
  }
  return OkStatus();
}

std::string Krbd::Path(std::string_view name) const {
  return Cat(parts_.bus.dev_root(), "/mapper/", name);
}

Status Krbd::Map(const Context& context, const AttachRequest& request) {
  RETURN_IF_ERROR(context.Check(Cat("mapping image ", ImageSpec(request))));
  ASSIGN_OR_RETURN(const std::string text, BuildMapRequest(request));
  ASSIGN_OR_RETURN(const KernelKey key,
                   parts_.add_key(KernelKeyName(request.cluster.user), request.cluster.key));
  const int error = parts_.bus.Add(text);
  return error == 0 ? OkStatus() : ExplainMapError(error, request);
}

Status Krbd::Unmap(const Context& context, const RbdDevice& device, std::string_view options) {
  const auto give_up = context.clock().Now() + kBusyPatience;
  while (true) {
    RETURN_IF_ERROR(context.Check(Cat("unmapping ", device.Name())));
    const int error = parts_.bus.Remove(device, KernelUnmapOptions(options));
    if (error == 0 || error == ENOENT) {
      return OkStatus();
    }
    if (error != EBUSY || context.clock().Now() >= give_up) {
      return FromErrno(error, Cat("unmap ", device.Name(), " of image ", device.image));
    }
    context.clock().SleepUntil(context.clock().Now() + kBusyPause);
  }
}

}  // namespace rbdcrypt::rbd::attach
