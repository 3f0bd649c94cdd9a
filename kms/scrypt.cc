// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/scrypt.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <absl/time/time.h>
#include <openssl/evp.h>

namespace rbdcrypt::kms {
namespace {

// How long a cancellation may go unnoticed.
constexpr std::chrono::milliseconds kLook = std::chrono::milliseconds(50);

// OpenSSL counts its small buffers too, and refuses what exceeds this limit.
constexpr std::uint64_t kMemoryLimitBytes = 128 * kScryptN * kScryptR + 1024ULL * 1024ULL;

}  // namespace

ScryptGate::Pass::Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}

ScryptGate::Pass::~Pass() {
  if (gate_ != nullptr) {
    gate_->Leave();
  }
}

ScryptGate::ScryptGate(int places) : free_places_(std::max(places, 1)) {}

int ScryptGate::OnePerCore() {
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
}

Result<ScryptGate::Pass> ScryptGate::Enter(const Context& context) {
  absl::MutexLock lock(&mutex_);
  while (free_places_ == 0) {
    RETURN_IF_ERROR(context.Check("wait for a place to derive a key by scrypt"));
    const auto wait = std::min<std::chrono::nanoseconds>(kLook, context.TimeLeft());
    mutex_.AwaitWithTimeout(
        absl::Condition(
            +[](const int* places) { return *places > 0; }, &std::as_const(free_places_)),
        absl::FromChrono(wait));
  }
  RETURN_IF_ERROR(context.Check("derive a key by scrypt"));
  --free_places_;
  return Pass(this);
}

void ScryptGate::Leave() {
  absl::MutexLock lock(&mutex_);
  ++free_places_;
}

Result<Secret> ScryptKey(const Context& context,
                         ScryptGate& gate,
                         const Secret& passphrase,
                         std::string_view volume_id) {
  ASSIGN_OR_RETURN(const ScryptGate::Pass pass, gate.Enter(context));
  const std::string_view text = passphrase.RevealText();
  Secret key(kScryptKeyBytes);
  if (EVP_PBE_scrypt(
          text.data(), text.size(), reinterpret_cast<const unsigned char*>(volume_id.data()),
          volume_id.size(), kScryptN, kScryptR, kScryptP, kMemoryLimitBytes,
          reinterpret_cast<unsigned char*>(key.MutableBytes().data()), key.size()) != 1) {
    return Internal("OpenSSL refused scrypt; is there 32 MiB of free memory?");
  }
  return key;
}

}  // namespace rbdcrypt::kms
