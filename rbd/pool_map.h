// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::rbd {

// Pools by name and by number, from the map that the client has; one that is not in there is looked
// for in the newest map. librados' own look-ups wait for that map without any time-out, for as long
// as no monitor answers [measured on 16.2.15]; these give kUnavailable after the client's.

// kNotFound: no pool of that name.
Result<std::int64_t> FindPoolId(RadosClient& client, std::string_view name);

// kNotFound: no pool of that number.
Result<std::string> FindPoolName(RadosClient& client, std::int64_t id);

// Of the newest map, sorted.
Result<std::vector<std::string>> ListPoolNames(RadosClient& client);

}  // namespace rbdcrypt::rbd
