// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_storage.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mount.h>

#include "base/crash_point.h"
#include "base/handle.h"
#include "base/strings.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/qemu_blocks.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

// sun_path holds 107 characters, of which "/<64 hexadecimal digits>" and "/qmp.sock" take 74.
constexpr std::size_t kLongestRuntimeFolder = 33;

// How long the undoing of a failed Attach may take, whose own time may be up already.
constexpr auto kUndoPatience = std::chrono::seconds(30);

QemuRecord RecordOf(const AttachRequest& request) {
  return {.volume_id = request.volume_id,
          .pool = request.pool,
          .rados_namespace = request.rados_namespace,
          .image = request.image,
          .monitors = request.cluster.monitors,
          .user = request.cluster.user,
          .encrypted = request.dek != nullptr,
          .read_only = request.read_only,
          .data_offset_bytes = request.data_offset_bytes,
          .loop_device = ""};
}

bool IsSameImage(const QemuRecord& left, const QemuRecord& right) {
  return left.volume_id == right.volume_id && left.pool == right.pool &&
         left.rados_namespace == right.rados_namespace && left.image == right.image &&
         left.encrypted == right.encrypted;
}

// The file that the export is mounted on, new and empty.
Status MakeMountPoint(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  return fd.valid() ? OkStatus() : FromErrno(errno, Cat("create ", path));
}

// Asks for a hole, which must be refused: see qemu_blocks.h. It changes nothing either way.
Status CheckHolesRefused(int fd, const std::string& path) {
  constexpr off_t kOneBlock = 4096;
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kOneBlock) == 0) {
    return Internal(Cat(path, " takes holes without zeroing them, so it is not safe to use"));
  }
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<QemuStorage>> QemuStorage::New(Options options, Subprocess& subprocess) {
  if (options.runtime_folder.size() > kLongestRuntimeFolder) {
    return InvalidArgument(Cat("--runtime-dir ", options.runtime_folder, " has more than ",
                               kLongestRuntimeFolder, " characters: too long for sockets in it"));
  }
  return std::unique_ptr<QemuStorage>(new QemuStorage(std::move(options), subprocess));
}

QemuStorage::QemuStorage(Options options, Subprocess& subprocess)
    : options_(std::move(options)), subprocess_(subprocess) {}

Status QemuStorage::SupportsCipher(std::string_view cipher, std::uint32_t sector_bytes) const {
  if (cipher != "aes-xts-plain64") {
    return InvalidArgument(Cat("cipher ", cipher,
                               ": librbd opens aes-xts-plain64 only; such a "
                               "volume needs a node with the mapper krbd"));
  }
  if (sector_bytes != 512 && sector_bytes != 4096) {
    return InvalidArgument(Cat("librbd has no encryption sectors of ", sector_bytes, " bytes"));
  }
  return OkStatus();
}

Result<Attachment> QemuStorage::Attach(const Context& context, const AttachRequest& request) {
  if (!request.map_options.empty()) {
    return InvalidArgument(
        Cat("mapOptions: the mapper qemu takes none, so not \"", request.map_options, "\""));
  }
  const QemuRecord wanted = RecordOf(request);
  ASSIGN_OR_RETURN(const auto record, LoadQemuRecord(FolderOf(request.volume_id)));
  if (record && !IsSameImage(*record, wanted)) {
    return FailedPrecondition(Cat("volume ", request.volume_id, " is attached here as image ",
                                  record->pool, "/", record->image, "; unstage it first"));
  }
  ASSIGN_OR_RETURN(const auto whole, FindWhole(context, record));
  if (whole) {
    return record->read_only && !request.read_only
               ? FailedPrecondition(Cat(whole->device_path, " is read-only; unstage it first"))
               : Result<Attachment>(*whole);
  }
  RETURN_IF_ERROR(Annotate(TearDown(context, request.volume_id), "take down a dead attachment"));
  auto attachment = Build(context, request, wanted);
  if (!attachment.ok()) {
    const Context undo = Context({.clock = &context.clock(),
                                  .deadline = context.clock().Now() + kUndoPatience,
                                  .is_cancelled = {},
                                  .request_id = context.request_id()});
    TearDown(undo, request.volume_id).IgnoreError();
  }
  return attachment;
}

Result<Attachment> QemuStorage::Build(const Context& context,
                                      const AttachRequest& request,
                                      QemuRecord record) {
  const std::string folder = FolderOf(request.volume_id);
  RETURN_IF_ERROR(AfterEffect("attach.qemu-recorded", SaveQemuRecord(folder, record)));
  RETURN_IF_ERROR(StartExport(context, request, record));
  ASSIGN_OR_RETURN(record.loop_device, AddLoop(context, request));
  RETURN_IF_ERROR(AfterEffect("attach.qemu-loop", OkStatus()));
  if (!request.read_only) {
    // librbd writes through until it sees a flush (rbd_cache_writethrough_until_flush), for whose
    // sake a user who never flushes would pay; ours come through loop device and export.
    RETURN_IF_ERROR(FlushDevice(record.loop_device));
  }
  if (request.dek == nullptr && !request.may_hold_luks) {
    RETURN_IF_ERROR(RefusePlainUseOfLuks(record.loop_device));
  }
  RETURN_IF_ERROR(AfterEffect("attach.qemu-complete", SaveQemuRecord(folder, record)));
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes, DeviceSize(record.loop_device));
  return Attachment{.device_path = record.loop_device, .size_bytes = size_bytes};
}

Status QemuStorage::StartExport(const Context& context,
                                const AttachRequest& request,
                                const QemuRecord& record) {
  QemuDaemon daemon = DaemonOf(request.volume_id);
  RETURN_IF_ERROR(MakeMountPoint(daemon.ExportPath()));
  RETURN_IF_ERROR(AfterEffect("attach.qemu-started", daemon.Start(context)));
  ASSIGN_OR_RETURN(QmpClient client, daemon.Connect(context));
  RETURN_IF_ERROR(AfterEffect("attach.qemu-secrets",
                              GiveSecrets(context, client, request.cluster.key, request.dek)));
  RETURN_IF_ERROR(AfterEffect("attach.qemu-opened", OpenImage(context, client, record)));
  return AfterEffect("attach.qemu-exported",
                     ExportDisk(context, client, daemon.ExportPath(), request.read_only));
}

Result<std::string> QemuStorage::AddLoop(const Context& context, const AttachRequest& request) {
  const QemuDaemon daemon = DaemonOf(request.volume_id);
  ASSIGN_OR_RETURN(const UniqueFd fd,
                   daemon.OpenExport(context, request.read_only ? O_RDONLY : O_RDWR));
  if (!request.read_only) {
    RETURN_IF_ERROR(CheckHolesRefused(fd.get(), daemon.ExportPath()));
  }
  return ConfigureLoop(context, fd.get(),
                       {.tag = QemuLoopTag(request.volume_id),
                        .read_only = request.read_only,
                        .sector_bytes = request.sector_bytes});
}

Status QemuStorage::Detach(const Context& context, const AttachmentKey& key) {
  ASSIGN_OR_RETURN(const auto record, LoadQemuRecord(FolderOf(key.volume_id)));
  ASSIGN_OR_RETURN(const auto loop, LoopOf(key.volume_id, record));
  Status flushed;
  if (loop) {
    RETURN_IF_ERROR(CheckLoopUnused(context, loop->path));
    flushed = AfterEffect("detach.qemu-flushed", FlushDevice(loop->path));
    // One that could not even be tried loses nothing yet.
    RETURN_IF_ERROR(flushed.code() == Code::kDataLoss ? OkStatus() : flushed);
  }
  RETURN_IF_ERROR(TearDown(context, key.volume_id));
  if (!flushed.ok()) {
    return DataLoss(Cat("volume ", key.volume_id,
                        " is detached, but its last writes may be lost: ", Message(flushed)));
  }
  return OkStatus();
}

Result<std::optional<Attachment>> QemuStorage::Find(const Context& context,
                                                    const AttachmentKey& key) {
  ASSIGN_OR_RETURN(const auto record, LoadQemuRecord(FolderOf(key.volume_id)));
  return FindWhole(context, record);
}

// The attachment if it is complete and every part of it is alive.
Result<std::optional<Attachment>> QemuStorage::FindWhole(
    const Context& context, const std::optional<QemuRecord>& record) const {
  if (!record || !record->IsComplete()) {
    return std::nullopt;
  }
  const QemuDaemon daemon = DaemonOf(record->volume_id);
  ASSIGN_OR_RETURN(const auto loop, LoopOf(record->volume_id, record));
  ASSIGN_OR_RETURN(const bool is_running, daemon.IsRunning());
  if (!is_running || !loop || !loop->is_alive) {
    return std::nullopt;
  }
  ASSIGN_OR_RETURN(QmpClient client, daemon.Connect(context));
  RETURN_IF_ERROR(DiskSize(context, client).status());
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes, DeviceSize(loop->path));
  return Attachment{.device_path = loop->path, .size_bytes = size_bytes};
}

Result<Attachment> QemuStorage::Grow(const Context& context,
                                     const AttachmentKey& key,
                                     std::uint64_t required_bytes) {
  ASSIGN_OR_RETURN(const auto record, LoadQemuRecord(FolderOf(key.volume_id)));
  ASSIGN_OR_RETURN(const auto whole, FindWhole(context, record));
  if (!whole) {
    return NotFound(Cat("volume ", key.volume_id, " is not attached to this node"));
  }
  ASSIGN_OR_RETURN(QmpClient client, DaemonOf(key.volume_id).Connect(context));
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes,
                   GrowDisk(context, client, *record, required_bytes));
  RETURN_IF_ERROR(AfterEffect("grow.qemu-resized", OkStatus()));
  RETURN_IF_ERROR(AfterEffect("grow.qemu-loop", GrowLoop(context, whole->device_path, size_bytes)));
  return Attachment{.device_path = whole->device_path, .size_bytes = size_bytes};
}

std::string QemuStorage::FolderOf(std::string_view volume_id) const {
  return QemuFolder(options_.runtime_folder, volume_id);
}

QemuDaemon QemuStorage::DaemonOf(std::string_view volume_id) const {
  return QemuDaemon(subprocess_, FolderOf(volume_id), options_.daemon_cgroup);
}

Result<std::optional<FoundLoop>> QemuStorage::LoopOf(
    std::string_view volume_id, const std::optional<QemuRecord>& record) const {
  return FindLoop({.tag = QemuLoopTag(volume_id),
                   .backing_path = DaemonOf(volume_id).ExportPath(),
                   .recorded_device = record ? record->loop_device : ""});
}

// From the top down, whatever there is of it; refuses where the device is in use.
Status QemuStorage::TearDown(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(const auto record, LoadQemuRecord(FolderOf(volume_id)));
  ASSIGN_OR_RETURN(const auto loop, LoopOf(volume_id, record));
  if (loop) {
    RETURN_IF_ERROR(AfterEffect("detach.qemu-loop-released", ReleaseLoop(context, loop->path)));
  }
  QemuDaemon daemon = DaemonOf(volume_id);
  ASSIGN_OR_RETURN(const bool is_running, daemon.IsRunning());
  if (is_running) {
    RETURN_IF_ERROR(AfterEffect("detach.qemu-stopped", daemon.Stop(context)));
  }
  return Forget(volume_id);
}

Status QemuStorage::Forget(std::string_view volume_id) {
  const std::string folder = FolderOf(volume_id);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    return error ? Unavailable(Cat("look at ", folder, ": ", error.message())) : OkStatus();
  }
  // A daemon that was killed leaves its mount behind; one that ended has none (EINVAL).
  const std::string mount_point = DaemonOf(volume_id).ExportPath();
  if (umount2(mount_point.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL &&
      errno != ENOENT) {
    return FromErrno(errno, Cat("unmount ", mount_point));
  }
  fs::remove_all(folder, error);
  if (error) {
    return FromErrno(error.value(), Cat("remove ", folder));
  }
  return AfterEffect("detach.qemu-forgotten", OkStatus());
}

}  // namespace rbdcrypt::rbd::attach
