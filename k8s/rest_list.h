// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>

#include "base/context.h"
#include "base/status.h"
#include "k8s/api_error.h"
#include "k8s/client.h"
#include "k8s/rest_sender.h"

namespace rbdcrypt::k8s {

// A list that is longer is an error: 64 pages of 500 PersistentVolumes have half of it, and as
// parsed objects they take several times as much.
inline constexpr std::size_t kMaxListBytes = 256U << 20;

// One list, page by page (Kubernetes, "API Concepts", retrieving large results sets in chunks).
// Where the moment that the pages are of is forgotten before the last one, it starts over; the
// third time it asks for the whole at once, as client-go's pager does, so that it ends. kInternal:
// beyond `max_bytes` in all its pages, or a page that is no list of objects; an answer without
// "items" is none, and never an empty one (safety A4).
Result<ObjectList> ListPages(const Context& context,
                             const RestSender& sender,
                             const ApiCall& call,
                             const Selection& selection,
                             std::size_t max_bytes = kMaxListBytes);

}  // namespace rbdcrypt::k8s
