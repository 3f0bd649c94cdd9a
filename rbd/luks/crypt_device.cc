// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/crypt_device.h"

#include <cerrno>
#include <system_error>

#include <absl/synchronization/mutex.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/luks/blank_header.h"

namespace rbdcrypt::rbd::luks {
namespace {

constexpr std::size_t kMaxLogBytes = 400;

// The longest that dm-crypt takes, aes-xts with a key for hmac-sha512, has 128 bytes.
constexpr int kMaxVolumeKeyBytes = 512;

// Costs of the argon2id profile. 32 MiB is ceph-csi's limit; time 12 with one lane takes 0.4 s
// [measured], where ceph-csi's benchmark aims at 2 s per volume and call.
constexpr std::uint32_t kHumanMemoryKib = 32 * 1024;
constexpr std::uint32_t kHumanTime = 12;

void Capture(int level, const char* message, void* log) {
  auto& text = *static_cast<std::string*>(log);
  if (level == CRYPT_LOG_ERROR && text.size() < kMaxLogBytes) {
    text += Cat(text.empty() ? "" : "; ", Trim(message));
  }
}

// What libcryptsetup says outside any device would go to the terminal otherwise.
void DropMessage(int /*level*/, const char* /*message*/, void* /*unused*/) {}

// Its first calls set up state of the whole process (OpenSSL providers, random source) without a
// lock of their own.
absl::Mutex& SetUpMutex() {
  static absl::Mutex mutex;
  [[maybe_unused]] static const bool is_quiet = [] {
    crypt_set_log_callback(nullptr, DropMessage, nullptr);
    return true;
  }();
  return mutex;
}

crypt_pbkdf_type PbkdfOf(KdfProfile kdf) {
  crypt_pbkdf_type pbkdf{};
  pbkdf.hash = "sha256";
  pbkdf.flags = CRYPT_PBKDF_NO_BENCHMARK;
  if (kdf == KdfProfile::kRandomDek) {
    pbkdf.type = CRYPT_KDF_PBKDF2;
    pbkdf.iterations = kRandomKeyIterations;
  } else {
    pbkdf.type = CRYPT_KDF_ARGON2ID;
    pbkdf.iterations = kHumanTime;
    pbkdf.max_memory_kb = kHumanMemoryKib;
    pbkdf.parallel_threads = 1;
  }
  return pbkdf;
}

}  // namespace

Result<CryptDevice> CryptDevice::Create(std::uint64_t size_bytes) {
  CryptDevice made;
  made.file_ = UniqueFd(memfd_create("luks-header", MFD_CLOEXEC));
  if (!made.file_.valid()) {
    return FromErrno(errno, "cannot make a file in memory for the header");
  }
  if (ftruncate(made.file_.get(), static_cast<off_t>(size_bytes)) != 0) {
    return FromErrno(errno, Cat("cannot grow the header's file in memory to ", size_bytes));
  }
  absl::MutexLock lock(&SetUpMutex());
  crypt_device* device = nullptr;
  const int result = crypt_init(&device, Cat("/proc/self/fd/", made.file_.get()).c_str());
  made.device_.reset(device);
  RETURN_IF_ERROR(made.FromCryptsetup(result, Code::kInternal, "crypt_init"));
  crypt_set_log_callback(device, Capture, made.log_.get());
  return made;
}

Status CryptDevice::Read(std::uint64_t offset_bytes, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got =
        pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset_bytes));
    if (got <= 0) {
      return FromErrno(got == 0 ? EIO : errno, "cannot read the header's file in memory");
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset_bytes += static_cast<std::uint64_t>(got);
  }
  return OkStatus();
}

Status CryptDevice::Write(std::uint64_t offset_bytes, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t done =
        pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset_bytes));
    if (done < 0) {
      return FromErrno(errno, "cannot write the header's file in memory");
    }
    data = data.subspan(static_cast<std::size_t>(done));
    offset_bytes += static_cast<std::uint64_t>(done);
  }
  return OkStatus();
}

Status CryptDevice::Load() {
  absl::MutexLock lock(&SetUpMutex());
  log_->clear();
  const int result = crypt_load(device_.get(), CRYPT_LUKS2, nullptr);
  const Code code = result == -ENOMEM ? Code::kUnavailable : Code::kDataLoss;
  return FromCryptsetup(result, code, "crypt_load refuses the LUKS2 header");
}

Result<std::optional<Secret>> CryptDevice::OpenSlot(int slot, const Secret& passphrase) {
  log_->clear();
  const int key_bytes = crypt_get_volume_key_size(device_.get());
  if (key_bytes <= 0 || key_bytes > kMaxVolumeKeyBytes) {
    return DataLoss(Cat("keyslot ", slot, " holds a volume key of ", key_bytes, " bytes"));
  }
  Secret volume_key(static_cast<std::size_t>(key_bytes));
  std::size_t size = volume_key.size();
  const std::string_view text = passphrase.RevealText();
  const int result = crypt_volume_key_get(device_.get(), slot,
                                          reinterpret_cast<char*>(volume_key.MutableBytes().data()),
                                          &size, text.data(), text.size());
  if (result == -EPERM) {
    return std::nullopt;
  }
  RETURN_IF_ERROR(FromCryptsetup(result, result == -ENOMEM ? Code::kUnavailable : Code::kInternal,
                                 Cat("cannot test keyslot ", slot)));
  return std::optional<Secret>(std::move(volume_key));
}

Status CryptDevice::AddSlot(int slot,
                            const Secret& volume_key,
                            const Secret& passphrase,
                            KdfProfile kdf) {
  log_->clear();
  const std::string what = Cat("cannot add keyslot ", slot);
  const crypt_pbkdf_type pbkdf = PbkdfOf(kdf);
  RETURN_IF_ERROR(
      FromCryptsetup(crypt_set_pbkdf_type(device_.get(), &pbkdf), Code::kInternal, what));
  constexpr std::size_t kAreaKeyBytes = 64;
  RETURN_IF_ERROR(
      FromCryptsetup(crypt_keyslot_set_encryption(device_.get(), "aes-xts-plain64", kAreaKeyBytes),
                     Code::kInternal, what));
  const std::string_view key = volume_key.RevealText();
  const std::string_view text = passphrase.RevealText();
  const int result = crypt_keyslot_add_by_key(device_.get(), slot, key.data(), key.size(),
                                              text.data(), text.size(), 0);
  return FromCryptsetup(result, result == -ENOMEM ? Code::kUnavailable : Code::kInternal, what);
}

Status CryptDevice::DestroySlot(int slot) {
  log_->clear();
  return FromCryptsetup(crypt_keyslot_destroy(device_.get(), slot), Code::kInternal,
                        Cat("cannot drop keyslot ", slot));
}

Status CryptDevice::FromCryptsetup(int result, Code code, std::string_view what) const {
  if (result >= 0) {
    return OkStatus();
  }
  const std::string said = log_->empty() ? std::generic_category().message(-result) : *log_;
  return MakeStatus(code, Cat(what, ": ", said, " (libcryptsetup: ", result, ")"));
}

}  // namespace rbdcrypt::rbd::luks
