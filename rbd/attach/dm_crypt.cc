// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/dm_crypt.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include <libcryptsetup.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/attach/block_device.h"
#include "rbd/attach/dm_control.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

// How long the last close of a device may take to arrive: udev looks at each one that changed.
constexpr auto kBusyPatience = std::chrono::seconds(5);
constexpr auto kBusyPause = std::chrono::milliseconds(100);

using CryptDevice = CHandle<crypt_device, crypt_free>;

// Keeps what libcryptsetup says of a failure; it never says secrets.
void CollectLog(int level, const char* message, void* collected) {
  if (level == CRYPT_LOG_ERROR) {
    static_cast<std::string*>(collected)->append(Trim(message)).append(" ");
  }
}

// A libcryptsetup context and its last words.
struct Session {
  CryptDevice device;
  std::string log;

  Status Error(Code code, std::string_view what) const {
    return MakeStatus(code, Cat(what, log.empty() ? "" : ": ", Trim(log)));
  }
};

Code CodeOf(int error) {
  switch (-error) {
    case EPERM:
    case ENOENT:
      return Code::kUnauthenticated;
    case EEXIST:
    case EBUSY:
      return Code::kFailedPrecondition;
    case ENOMEM:
      return Code::kResourceExhausted;
    default:
      return Code::kInternal;
  }
}

void Adopt(Session& session, crypt_device* device) {
  session.device.reset(device);
  crypt_set_log_callback(device, CollectLog, &session.log);
}

// Why `device` does not load: to the library everything is EINVAL, so the bytes are looked at.
Status ExplainUnloadable(const Session& session, const std::string& device) {
  ASSIGN_OR_RETURN(const bool has_magic, HasLuksMagic(device));
  return session.Error(Code::kDataLoss,
                       Cat(device,
                           has_magic ? " has a damaged LUKS2 header"
                                     : " has no LUKS header although it is encrypted",
                           "; nothing was written: restore the header from a backup"));
}

Status Load(Session& session, const std::string& path) {
  crypt_device* device = nullptr;
  if (const int error = crypt_init(&device, path.c_str()); error < 0) {
    return FromErrno(-error, Cat("open ", path, " for dm-crypt"));
  }
  Adopt(session, device);
  if (crypt_load(device, CRYPT_LUKS2, nullptr) < 0) {
    return ExplainUnloadable(session, path);
  }
  return OkStatus();
}

// The devices under a mapping that still exist.
Result<std::vector<std::string>> ReadBacking(const fs::path& slaves) {
  ASSIGN_OR_RETURN(const auto names, ListFolder(slaves));
  std::vector<std::string> backing;
  for (const std::string& name : names) {
    // The link to a device that was taken away by force stays, and points nowhere.
    std::error_code error;
    if (fs::exists(slaves / name, error)) {
      backing.push_back(name);
    } else if (error) {
      return Unavailable(Cat("look at ", (slaves / name).native(), ": ", error.message()));
    }
  }
  return backing;
}

// Nothing where the mapping went away meanwhile.
Result<std::optional<Mapping>> ReadMapping(const fs::path& block) {
  ASSIGN_OR_RETURN(const auto uuid, ReadFirstLine(block / "dm/uuid"));
  ASSIGN_OR_RETURN(const auto ro, ReadFirstLine(block / "ro"));
  auto backing = ReadBacking(block / "slaves");
  if (!uuid || !ro || backing.status().code() == Code::kNotFound) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(backing.status());
  return Mapping{.backing = *std::move(backing),
                 .is_luks = uuid->starts_with("CRYPT-LUKS"),
                 .read_only = *ro == "1"};
}

}  // namespace

std::string MappingName(std::string_view volume_id) {
  return Cat("luks-rbd-", volume_id);
}

CryptsetupDmCrypt::CryptsetupDmCrypt(std::string sysfs_root) : sysfs_root_(std::move(sysfs_root)) {
  // For calls without a context of the library's, whose words would go to standard error.
  crypt_set_log_callback(
      nullptr, [](int, const char*, void*) {}, nullptr);
}

Status CryptsetupDmCrypt::Activate(const Context& context, const ActivateRequest& request) {
  RETURN_IF_ERROR(context.Check(Cat("opening ", request.name)));
  Session session;
  RETURN_IF_ERROR(Load(session, request.device));
  crypt_volume_key_keyring(session.device.get(), 0);
  const std::string_view dek = request.dek.RevealText();
  const std::uint32_t flags = request.read_only ? CRYPT_ACTIVATE_READONLY : 0;
  const int slot = crypt_activate_by_passphrase(session.device.get(), request.name.c_str(),
                                                request.keyslot.value_or(CRYPT_ANY_SLOT),
                                                dek.data(), dek.size(), flags);
  if (slot >= 0) {
    return OkStatus();
  }
  const Code code = CodeOf(slot);
  return session.Error(code,
                       Cat("open ", request.device, " as ", request.name,
                           code == Code::kUnauthenticated ? ": the key opens no keyslot" : ""));
}

Status CryptsetupDmCrypt::RemoveUnfinished(std::string_view name) {
  return RemoveUnfinishedDmDevice(name);
}

Result<std::optional<Mapping>> CryptsetupDmCrypt::Find(std::string_view name) {
  const fs::path blocks = fs::path(sysfs_root_) / "block";
  ASSIGN_OR_RETURN(const auto devices, ListFolder(blocks));
  for (const std::string& device : devices) {
    // Any other device has no such file.
    ASSIGN_OR_RETURN(const auto found, ReadFirstLine(blocks / device / "dm/name"));
    if (found == name) {
      return ReadMapping(blocks / device);
    }
  }
  return std::nullopt;
}

Status CryptsetupDmCrypt::Resize(std::string_view name) {
  const std::string mapping(name);
  Session session;
  crypt_device* device = nullptr;
  if (const int error = crypt_init_by_name(&device, mapping.c_str()); error < 0) {
    return FromErrno(-error, Cat("resize ", name));
  }
  Adopt(session, device);
  const int error = crypt_resize(device, mapping.c_str(), 0);
  if (error == -EPERM) {
    return FailedPrecondition(Cat("resize ", name,
                                  ": its volume key is in the kernel's keyring, so another "
                                  "program opened it; unstage and stage the volume again"));
  }
  return error < 0 ? session.Error(Code::kInternal, Cat("resize ", name)) : OkStatus();
}

Status CryptsetupDmCrypt::Deactivate(const Context& context, std::string_view name) {
  const std::string mapping(name);
  const auto give_up = context.clock().Now() + kBusyPatience;
  while (true) {
    RETURN_IF_ERROR(context.Check(Cat("closing ", name)));
    ASSIGN_OR_RETURN(const auto found, Find(name));
    if (!found) {
      return OkStatus();
    }
    // Asked first, because the library's own tries take 5 s and heed no context.
    const bool is_open = crypt_status(nullptr, mapping.c_str()) == CRYPT_BUSY;
    const int error = is_open ? -EBUSY : crypt_deactivate_by_name(nullptr, mapping.c_str(), 0);
    if (error == 0 || error == -ENODEV) {
      return OkStatus();
    }
    if (error != -EBUSY) {
      return FromErrno(-error, Cat("close ", name));
    }
    if (context.clock().Now() >= give_up) {
      return FailedPrecondition(Cat("close ", name, ": it is still in use"));
    }
    context.clock().SleepUntil(context.clock().Now() + kBusyPause);
  }
}

}  // namespace rbdcrypt::rbd::attach
