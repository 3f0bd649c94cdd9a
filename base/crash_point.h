// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

#include <rbdcrypt_config.h>

#include "base/status.h"

#if RBDCRYPT_HAS_CRASH_POINTS && !defined(RBDCRYPT_CRASH_POINTS)
#define RBDCRYPT_CRASH_POINTS
#endif

namespace rbdcrypt {

// A named place right after one durable effect, where the crash tests stop the process.
//
//   RETURN_IF_ERROR(AfterEffect("create.directory-key", omap.Set(...)));
//
// Returns `status` unchanged. In the release build that is all it does. In a build with
// RBDCRYPT_CRASH_POINTS (CMake presets crash, dev and asan) a successful effect passes the point:
// the process ends at once by SIGKILL if the environment's RBDCRYPT_CRASH_AT names it, stops by
// SIGSTOP if RBDCRYPT_STOP_AT does (both: "name" or "name#n" for its n-th passing, from 1), and
// the observer of a unit test hears of it. Thread safe; passings are counted per process.
//
// The names of a folder stand in its crash_points.h, in the order a volume meets them; the lint
// tests/lint/check_crash_points.py holds that table against the code.
#ifdef RBDCRYPT_CRASH_POINTS
Status AfterEffect(std::string_view name, Status status);

// Called with each name passed, until replaced; nullptr for none. Unit tests only.
void ObserveCrashPointsForTest(void (*observer)(void* argument, std::string_view name),
                               void* argument);
#else
inline Status AfterEffect(std::string_view /*name*/, Status status) {
  return status;
}
#endif

}  // namespace rbdcrypt
