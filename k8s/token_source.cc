// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/token_source.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "k8s/secret_file.h"

namespace rbdcrypt::k8s {
namespace {

// As client-go's cached token file (transport/token_source.go: one minute).
constexpr std::chrono::minutes kMaxAge(1);

// A service-account token has about 1 KiB.
constexpr std::size_t kMaxTokenBytes = 64 * 1024;

// Anything else would end the header it is put into.
bool IsTokenCharacter(char c) {
  return c > 0x20 && c < 0x7F;
}

}  // namespace

FileToken::FileToken(std::string path, Clock& clock) : path_(std::move(path)), clock_(clock) {}

Status FileToken::Load() {
  // Taken before the reading, so that a change in between is seen by the next call.
  const net::FileStamp stamp = net::StampOf(path_);
  ASSIGN_OR_RETURN(const Secret content, ReadSecretFile(path_, kMaxTokenBytes));
  const std::string_view token = Trim(content.RevealText());
  if (token.empty()) {
    return Unavailable(Cat("the token file ", path_, " is empty"));
  }
  if (!std::all_of(token.begin(), token.end(), IsTokenCharacter)) {
    return InvalidArgument(Cat("the token file ", path_, " holds more than one token"));
  }
  token_ = Secret(token);
  stamp_ = stamp;
  read_at_ = clock_.Now();
  return OkStatus();
}

Result<Secret> FileToken::Token() {
  absl::MutexLock lock(&mutex_);
  const bool fresh = read_at_.has_value() && clock_.Now() - *read_at_ < kMaxAge;
  if (!fresh || net::StampOf(path_) != stamp_) {
    const Status loaded = Load();
    if (!loaded.ok() && token_.empty()) {
      return loaded;
    }
  }
  return token_.Clone();
}

bool FileToken::Renew(const Secret& refused) {
  absl::MutexLock lock(&mutex_);
  // Where this fails, another caller may have read the new one before.
  (void)Load();
  return !token_.empty() && !SameSecret(refused, token_);
}

}  // namespace rbdcrypt::k8s
