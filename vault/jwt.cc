// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/jwt.h"

#include <cerrno>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

// Service account tokens have one or two thousand bytes.
constexpr std::size_t kMaxTokenBytes = 1U << 16U;

// Reads until the buffer is full or the file ends; the count, or nothing.
std::optional<std::size_t> ReadAll(int fd, std::span<std::byte> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return std::nullopt;
    }
    if (got == 0) {
      break;
    }
    size += static_cast<std::size_t>(got);
  }
  return size;
}

Result<Secret> ReadTokenFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return Unavailable(Cat("the service account token ", path, " cannot be opened (",
                           Message(FromErrno(errno, "open")),
                           "): does the pod mount its token there?"));
  }
  Secret buffer(kMaxTokenBytes);
  const std::optional<std::size_t> size = ReadAll(fd.get(), buffer.MutableBytes());
  if (!size.has_value()) {
    return Unavailable(Cat("the service account token ", path, " cannot be read (",
                           Message(FromErrno(errno, "read")), ")"));
  }
  Secret token(Trim(buffer.RevealText().substr(0, *size)));
  if (token.empty()) {
    return Unavailable(Cat("the service account token ", path, " is empty"));
  }
  return token;
}

// The way of clusters whose accounts still have token Secrets.
Result<Secret> FromTokenSecret(const Context& context,
                               Kube& kube,
                               const Kube::TokenRequest& request,
                               const Status& refused) {
  const std::string what = Cat("ServiceAccount ", request.ns, "/", request.service_account);
  Result<std::vector<std::string>> names =
      kube.ServiceAccountSecrets(context, request.ns, request.service_account);
  if (names.status().code() == Code::kNotFound) {
    return TenantIdentityGone(request.ns, what, names.status());
  }
  if (names.status().code() == Code::kPermissionDenied) {
    // The first way is the one to grant; this one is looked at for clusters that never had it.
    return PermissionDenied(
        Cat("no token of ", what, " is to be had: ", Message(refused),
            "; nor one from a Secret that it lists: ", Message(names.status())));
  }
  RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    Result<std::map<std::string, Secret>> secret = kube.GetSecret(context, request.ns, name);
    if (secret.status().code() == Code::kNotFound) {
      continue;
    }
    RETURN_IF_ERROR(secret.status());
    if (const auto token = secret->find(std::string(kTokenKey)); token != secret->end()) {
      return std::move(token->second);
    }
  }
  return PermissionDenied(Cat("no token of ", what, " is to be had: TokenRequest says \"",
                              Message(refused), "\", and it lists no Secret with key ", kTokenKey,
                              "; grant this driver create on serviceaccounts/token"));
}

}  // namespace

JwtSource FileJwt(std::string path) {
  return [path = std::move(path)](const Context& context) -> Result<Secret> {
    RETURN_IF_ERROR(context.Check("read the service account token"));
    return ReadTokenFile(path);
  };
}

JwtSource ServiceAccountJwt(Kube& kube, Kube::TokenRequest request) {
  return [&kube, request = std::move(request)](const Context& context) -> Result<Secret> {
    Result<Secret> token = kube.RequestToken(context, request);
    if (token.ok() || IsTransient(token.status())) {
      return token;
    }
    if (token.status().code() == Code::kNotFound) {
      return TenantIdentityGone(request.ns,
                                Cat("ServiceAccount ", request.ns, "/", request.service_account),
                                token.status());
    }
    return FromTokenSecret(context, kube, request, token.status());
  };
}

Status TenantIdentityGone(std::string_view tenant, std::string_view what, const Status& why) {
  return PermissionDenied(Cat("the identity of tenant ", tenant, " is not there: ", what, " (",
                              Message(why), "); create it again, in the tenant's namespace"));
}

}  // namespace rbdcrypt::vault
