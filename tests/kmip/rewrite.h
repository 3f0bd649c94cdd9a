// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"

namespace rbdcrypt::kmip {

// Writes the item that `view` is, and so proves that all of it can be read.
void Rewrite(const TtlvView& view, TtlvWriter& out);

}  // namespace rbdcrypt::kmip
