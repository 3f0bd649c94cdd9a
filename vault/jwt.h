// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>

#include "base/context.h"
#include "base/secret.h"
#include "base/status.h"
#include "vault/kube.h"

namespace rbdcrypt::vault {

// Where a login's service account token comes from; asked at every login, for such tokens are short
// lived. Thread safe.
using JwtSource = std::function<Result<Secret>(const Context& context)>;

// The content of a file without white space at its ends; the kubelet replaces it about hourly.
// kUnavailable: it cannot be read now, or is empty; names the path.
JwtSource FileJwt(std::string path);

// A token of the tenant's service account by TokenRequest; where the API offers none to us, the
// "token" of the first Secret that the account lists and that has one (ceph-csi-compat 6.6).
// `kube` must outlive it.
// kPermissionDenied: the account is gone, or there is no token of it either way: never the driver's
// own in its stead (safety E4). kUnavailable, kCancelled, kDeadlineExceeded.
JwtSource ServiceAccountJwt(Kube& kube, Kube::TokenRequest request);

// The error of a tenant's identity that is not there: no identity to ask with is a "no", and not a
// missing key, so that deleting a volume goes on and reports the DEK (safety B3).
Status TenantIdentityGone(std::string_view tenant, std::string_view what, const Status& why);

}  // namespace rbdcrypt::vault
