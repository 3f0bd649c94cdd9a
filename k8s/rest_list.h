// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "base/context.h"
#include "base/status.h"
#include "k8s/api_error.h"
#include "k8s/client.h"
#include "k8s/rest_sender.h"

namespace rbdcrypt::k8s {

// One list, page by page (Kubernetes, "API Concepts", retrieving large results sets in chunks).
// Where the moment that the pages are of is forgotten before the last one, it starts over; the
// third time it asks for the whole at once, as client-go's pager does, so that it ends.
Result<ObjectList> ListPages(const Context& context,
                             const RestSender& sender,
                             const ApiCall& call,
                             const Selection& selection);

}  // namespace rbdcrypt::k8s
