// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "k8s/config.h"

namespace rbdcrypt::k8s {

// Access as a kubeconfig's current-context describes it (client-go, clientcmd/api/v1/types.go):
//
//   cluster   server, certificate-authority(-data), insecure-skip-tls-verify, tls-server-name
//   user      token, tokenFile, client-certificate(-data), client-key(-data)
//   context   namespace
//
// "-data" wins over the file, tokenFile over token, as in client-go; files are relative to the
// kubeconfig's folder. What we cannot do (exec and auth-provider plug-ins, passwords,
// impersonation, proxy-url) is refused with words, as is a token over plain HTTP to another
// machine.
//
// kInvalidArgument: as said, or the file is no such YAML, or a name in it points nowhere; the text
// names the field. kUnavailable: a file is not there.
Result<ClusterAccess> KubeconfigAccess(const std::string& path, Clock& clock);

// The same of its text; relative paths in it count from `folder`.
Result<ClusterAccess> ParseKubeconfig(std::string_view text,
                                      const std::string& folder,
                                      Clock& clock);

}  // namespace rbdcrypt::k8s
