// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <memory>

#include "kmip/config.h"
#include "kmip/family.h"
#include "kms/limiter.h"
#include "kms/registry.h"

namespace rbdcrypt::kmip {

// The row of provider "kmip" for the table of providers:
//
//   auto kmip = std::make_shared<KmipFamily>(…);
//   providers["kmip"] = MakeProvider(kmip);
//
// A random DEK per volume, wrapped with a KEK of a KMIP server and kept in the image's metadata;
// options: kmip/config.h, texts: kmip/dek_text.h. It works as this driver for every tenant, as with
// ceph-csi. Opening reads and checks the entry and asks nobody; credentials are read when a DEK is
// first wrapped or unwrapped, so volumes can be deleted without them.
//
// A wrapped DEK is not unwrapped again before it is given out: whoever stores it reads it back from
// where it is stored and proves that it opens the header (safety B1, C), which covers more, and a
// server whose round trip fails is found out by Abilities before it wraps anything.
//
// Background work gets providers of its own with kms::Urgency::kBackground: mounts go first.
kms::Provider MakeProvider(std::shared_ptr<KmipFamily> family,
                           kms::Urgency urgency = kms::Urgency::kMount);

// Reads the options of an entry, and sees to it that this process can read what they name.
// kInvalidArgument, kUnimplemented: as ProviderFactory.
Result<KmipOptions> CheckEntry(const KmipFamily& family, const kms::ConfigEntry& entry);

}  // namespace rbdcrypt::kmip
