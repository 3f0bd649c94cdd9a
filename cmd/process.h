// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

namespace rbdcrypt::cmd {

// What a process that will hold keys does first: no core dumps and no ptrace by its own user
// (safety E1), the locked heap for secrets, SIGPIPE ignored.
void PrepareProcess();

// Blocks SIGTERM and SIGINT, so that WaitForStop() gets them; before any other thread is made.
void BlockStopSignals();

// Returns when one of them has come.
void WaitForStop();

}  // namespace rbdcrypt::cmd
