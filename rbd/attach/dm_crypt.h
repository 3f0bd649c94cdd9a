// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"

namespace rbdcrypt::rbd::attach {

// "luks-rbd-<volume ID>", as ceph-csi calls it (ceph-csi-compat 5.4): a volume staged by one driver
// is unstaged by the other from this name.
std::string MappingName(std::string_view volume_id);

// An existing device-mapper device.
struct Mapping {
  // The kernel names of the devices under its table that still exist: {"rbd0"}.
  std::vector<std::string> backing;
  // Whether it is a dm-crypt mapping of a LUKS header, by its UUID ("CRYPT-LUKS2-…").
  bool is_luks = false;
  bool read_only = false;
};

// What is to be opened: the LUKS2 header on `device`, as mapping `name`.
struct ActivateRequest {
  std::string device;
  std::string name;
  const Secret& dek;
  // The only slot to try; nothing for all of them.
  std::optional<int> keyslot = std::nullopt;
  bool read_only = false;
};

// dm-crypt mappings of LUKS2 devices. Thread safe for different names.
class DmCrypt {
 public:
  virtual ~DmCrypt() = default;

  // Makes the mapping. The volume key goes into the dm table, not into the kernel's keyring, so
  // that Resize() needs no passphrase (safety D5). kUnauthenticated: the DEK opens no slot.
  // kDataLoss: no usable header. kFailedPrecondition: the device is in use by something else.
  virtual Status Activate(const Context& context, const ActivateRequest& request) = 0;

  // Removes what an Activate() that was killed left of a mapping (dm_control.h), so that whatever
  // Find() finds then can be used, and a name that it does not find is free. Ok where nothing was
  // left. kFailedPrecondition: in use.
  virtual Status RemoveUnfinished(std::string_view name) = 0;

  // The mapping of that name, whoever made it, or nothing. An error where the kernel's list cannot
  // be read: that is no absence (safety A4).
  virtual Result<std::optional<Mapping>> Find(std::string_view name) = 0;

  // Lets it cover its device's present size. kFailedPrecondition: its key is in the keyring.
  virtual Status Resize(std::string_view name) = 0;

  // Ok where there is none. kFailedPrecondition: in use.
  virtual Status Deactivate(const Context& context, std::string_view name) = 0;
};

// The real one, on libcryptsetup; mappings are looked up in `sysfs_root` ("/sys").
class CryptsetupDmCrypt final : public DmCrypt {
 public:
  explicit CryptsetupDmCrypt(std::string sysfs_root = "/sys");

  Status Activate(const Context& context, const ActivateRequest& request) override;
  Status RemoveUnfinished(std::string_view name) override;
  Result<std::optional<Mapping>> Find(std::string_view name) override;
  Status Resize(std::string_view name) override;
  Status Deactivate(const Context& context, std::string_view name) override;

 private:
  std::string sysfs_root_;
};

}  // namespace rbdcrypt::rbd::attach
