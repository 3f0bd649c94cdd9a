// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/filesystem.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <blkid/blkid.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/attach/block_device.h"

namespace rbdcrypt::rbd::attach {
namespace {

using BlkidProbe = CHandle<blkid_struct_probe, blkid_free_probe>;

// The signatures that blkid knows stand within this range of one of the device's ends.
constexpr std::uint64_t kSignatureRangeBytes = std::uint64_t{1} << 20;
constexpr std::size_t kChunkBytes = std::size_t{64} * 1024;

// e2fsck(8), "EXIT CODE".
constexpr int kErrorsLeft = 4;
constexpr int kOperationalError = 8;

// blkid_do_safeprobe().
constexpr int kFoundNothing = 1;
constexpr int kAmbivalent = -2;

Status ReadRange(int fd, const std::string& device, std::uint64_t begin, std::uint64_t end) {
  std::vector<char> chunk(kChunkBytes);
  for (std::uint64_t at = begin; at < end; at += chunk.size()) {
    if (pread(fd, chunk.data(), chunk.size(), static_cast<off_t>(at)) < 0) {
      return Unavailable(Cat("read ", device, " at ", at, ": ", std::strerror(errno)));
    }
  }
  return OkStatus();
}

// Where signatures may be, the device answers.
Status CheckEndsReadable(int fd, const std::string& device) {
  ASSIGN_OR_RETURN(const std::uint64_t size_bytes, DeviceSize(device));
  const std::uint64_t range = std::min(kSignatureRangeBytes, size_bytes);
  RETURN_IF_ERROR(ReadRange(fd, device, 0, range));
  return ReadRange(fd, device, size_bytes - range, size_bytes);
}

std::string ValueOf(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  return blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 ? value : "";
}

// ceph-csi's arguments, where the StorageClass has none.
std::vector<std::string> DefaultArguments(std::string_view type) {
  if (type == "ext4") {
    return {"-m0", "-Enodiscard,lazy_itable_init=1,lazy_journal_init=1"};
  }
  if (type == "xfs") {
    return {"-K"};
  }
  return {};
}

bool IsExt(std::string_view type) {
  return type == "ext2" || type == "ext3" || type == "ext4";
}

// A type becomes part of a program's name.
Status CheckType(std::string_view type) {
  const bool is_plain = !type.empty() && std::ranges::all_of(type, [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
  });
  return is_plain ? OkStatus() : InvalidArgument(Cat("fsType \"", type, "\" is no file system"));
}

}  // namespace

Result<DeviceContent> ProbeDevice(const std::string& device) {
  const UniqueFd fd(open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return FromErrno(errno, Cat("open ", device));
  }
  RETURN_IF_ERROR(CheckEndsReadable(fd.get(), device));
  const BlkidProbe probe(blkid_new_probe());
  if (probe == nullptr || blkid_probe_set_device(probe.get(), fd.get(), 0, 0) != 0) {
    return Unavailable(Cat("probe ", device));
  }
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE);
  blkid_probe_enable_partitions(probe.get(), 1);
  errno = 0;
  const int outcome = blkid_do_safeprobe(probe.get());
  if (outcome == kAmbivalent) {
    return FailedPrecondition(Cat(device, " has signatures of several kinds; see blkid -p"));
  }
  if (outcome < 0 || (outcome == kFoundNothing && errno == EIO)) {
    return Unavailable(Cat("probe ", device, ": ", std::strerror(errno)));
  }
  return DeviceContent{.type = ValueOf(probe.get(), "TYPE"),
                       .partition_table = ValueOf(probe.get(), "PTTYPE")};
}

Filesystem::Filesystem(Subprocess& subprocess) : subprocess_(subprocess) {}

Status Filesystem::Make(const Context& context, const FilesystemRequest& request) {
  const std::string type = request.type.empty() ? "ext4" : request.type;
  RETURN_IF_ERROR(CheckType(type));
  Command command;
  command.argv = {"mkfs." + type};
  std::vector<std::string> arguments =
      request.options ? Split(*request.options, ' ') : DefaultArguments(type);
  std::erase(arguments, "");
  if (type == "xfs") {
    ASSIGN_OR_RETURN(const bool knows_reflink, KnowsReflink(context));
    if (knows_reflink) {
      arguments.insert(arguments.end(), {"-m", "reflink=0"});
    }
    // Over what an earlier mkfs left that a crash kept from being marked as made (safety A3).
    // mkfs.ext4 looks for such remains at a terminal only.
    arguments.emplace_back("-f");
  }
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.argv.push_back(request.device);
  const auto output = subprocess_.RunChecked(context, command);
  if (output.status().code() == Code::kNotFound) {
    return InvalidArgument(Cat("fsType ", type, ": ", command.argv.front(), " is not installed"));
  }
  return output.status();
}

// mkfs.xfs ends with its usage where it gets no device.
Result<bool> Filesystem::KnowsReflink(const Context& context) {
  ASSIGN_OR_RETURN(const CommandOutput output,
                   subprocess_.Run(context, {.argv = {"mkfs.xfs"}, .standard_input = {}}));
  return output.standard_error.find("reflink=") != std::string::npos ||
         output.standard_output.find("reflink=") != std::string::npos;
}

Status Filesystem::Check(const Context& context,
                         const std::string& type,
                         const std::string& device) {
  if (!IsExt(type)) {
    return OkStatus();
  }
  const std::string program = "fsck." + type;
  ASSIGN_OR_RETURN(
      const CommandOutput output,
      subprocess_.Run(context, {.argv = {program, "-p", device}, .standard_input = {}}));
  if (output.exit_code < kErrorsLeft) {
    return OkStatus();
  }
  const std::string said = Cat(program, " of ", device, " ended with exit code ", output.exit_code,
                               ": ", Trim(Cat(output.standard_output, output.standard_error)));
  if (output.exit_code < kOperationalError) {
    return DataLoss(Cat(said, "; run \"", program, " ", device, "\" on the node by hand"));
  }
  return FailedPrecondition(said);
}

Status Filesystem::Grow(const Context& context,
                        const std::string& type,
                        const std::string& device,
                        const std::string& mount_point) {
  Command command;
  if (IsExt(type)) {
    command.argv = {"resize2fs", device};
  } else if (type == "xfs") {
    command.argv = {"xfs_growfs", "-d", mount_point};
  } else if (type == "btrfs") {
    command.argv = {"btrfs", "filesystem", "resize", "max", mount_point};
  } else {
    return Unimplemented(Cat("a file system of type ", type, " does not grow"));
  }
  Status status = subprocess_.RunChecked(context, command).status();
  if (Message(status).find("Permission denied to resize") != std::string::npos) {
    return PermissionDenied(Cat("growing ", type,
                                " while it is mounted needs the capability CAP_SYS_RESOURCE, which "
                                "the node plug-in's container lacks"));
  }
  return status;
}

}  // namespace rbdcrypt::rbd::attach
