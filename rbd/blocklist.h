// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

using ClientAddresses = std::set<std::string, std::less<>>;

// The single addresses in the plain text of `ceph osd blocklist ls`, an address and the end of its
// time on each line, in the form of rbd/client_address.h. Ranges ("cidr:10.0.0.0/24") are left out.
ClientAddresses ParseBlocklist(std::string_view text);

// Who is shut out of the cluster now. A user who may not ask gets an empty list ("profile rbd"
// may). kUnavailable: no monitor answers.
Result<ClientAddresses> ListBlocklist(RadosClient& client);

}  // namespace rbdcrypt::rbd
