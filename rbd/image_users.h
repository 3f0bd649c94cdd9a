// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/status.h"
#include "rbd/image.h"

namespace rbdcrypt::rbd {

// What to do about others' use, for the end of an error's text. RADOS can remember a dead client
// for good (rbd/image_watchers.h).
inline constexpr std::string_view kHowToFree =
    "unstage it there first or, if that client is dead for good, shut it out with: "
    "ceph osd blocklist add ADDRESS";

// The addresses of everybody but us who has the image open, joined by ", "; "" for nobody.
Result<std::string> OtherUsers(Image& image);

// Asks `list_others`, as OtherUsers answers, until it says nobody: a client that died is counted
// for 30 s more (RADOS drops its watch then), and a stage must not fail for that. Pauses differ
// from process to process, so that two that wait for one another meet only once. Gives up after 40
// s, or 5 s before the call's time is up: kFailedPrecondition, naming `what` and the addresses.
// Errors of `list_others` as they come.
Status WaitUntilUnused(const Context& context,
                       const std::function<Result<std::string>()>& list_others,
                       const std::string& what);

}  // namespace rbdcrypt::rbd
