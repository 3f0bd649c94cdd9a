// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/context.h"
#include "base/status.h"
#include "rbd/luks/header_io.h"
#include "rbd/luks/metadata.h"

namespace rbdcrypt::rbd::luks {

// One copy of a header: what stood in its place when the header was loaded, and what shall.
struct CopyUpdate {
  std::uint64_t offset_bytes = 0;
  // The first sector as loaded. It holds the sequence number and the checksum of the whole copy, so
  // comparing it compares the version.
  std::array<std::byte, HeaderIo::kSectorBytes> expected_sector{};
  // Whether the copy on the image carries the header that was loaded.
  bool was_current = false;
  std::vector<std::byte> desired;
};

// Bytes of a keyslot area that must be in place before a header that names it.
struct AreaUpdate {
  std::uint64_t offset_bytes = 0;
  std::vector<std::byte> bytes;
};

// The difference between the header on an image and the one that shall replace it.
struct HeaderUpdate {
  std::array<CopyUpdate, 2> copies;
  std::vector<AreaUpdate> new_areas;     // free in the loaded header
  std::vector<ByteRange> dropped_areas;  // free in the new one
};

// Writes `update` so that a crash at any point leaves a header that every passphrase valid before,
// or every one valid after, still opens (safety G3).
//
// P is the copy that does not carry the loaded header, or the first copy where both do; Q is the
// other. So whatever P suffers, Q still carries the loaded header:
//
// | # | effect on the image                                  | P    | Q    | a crash leaves     |
// |---|------------------------------------------------------|------|------|--------------------|
// | 0 | none                                                 | any  | old  | old                |
// | 1 | P's first sector, compared with the one loaded       | torn | old  | old, by Q          |
// | 2 | areas of new keyslots; flush                         | torn | old  | old, by Q          |
// | 3 | the rest of P; flush; P read back                    | new  | old  | new (or old, by Q) |
// | 4 | Q's first sector, compared with the one loaded       | new  | torn | new, by P          |
// | 5 | the rest of Q; flush                                 | new  | new  | new                |
// | 6 | areas of dropped keyslots overwritten; flush         | new  | new  | new                |
//
// A sector written in 1 or 4 carries the checksum of what follows in 3 or 5: until that is whole,
// the copy does not verify and is not used. New has a higher sequence number, so P wins against Q
// from 3 on. Areas become reachable in 3 only, after their flush in 2.
//
// Claiming P before the areas are written is on purpose: whoever lost the race, even a process
// that slept through its lock, has then written nothing, least of all over a keyslot area that the
// winner has filled since. A reader that repairs P from Q in between (cryptsetup on a node does)
// is found out by reading P back, before Q is touched; one that repairs Q from P after 3 has done
// our work. A wipe that crashes is not repeated: without its salt, gone from the JSON since 5, an
// area holds nothing that its passphrase could open.
//
// An image that was blank where both copies go has nothing that must still open, so one write does
// for 2 to 5, and RADOS carries it out whole where it stays within one object (4 MiB by default):
//
// | # | effect on the image                           | P    | Q    | a crash leaves          |
// |---|-----------------------------------------------|------|------|-------------------------|
// | 0 | none                                          | none | none | a blank image           |
// | 1 | P's first sector, compared with zeros; flush  | torn | none | no header, but its UUID |
// | 2 | the rest of P, Q, areas of keyslots; flush    | new  | new  | new                     |
//
// Where 2 spans objects (a small object size), any of its parts may be missing: a header that does
// not verify, or one that nothing opens, and behind it no data yet. Its UUID says whose it is, and
// whoever formats may do so again (safety A2). Nothing is read back: whoever formats proves that
// the header opens before anyone relies on it.
//
// kAborted: somebody else wrote since the header was loaded; load again and start over. After any
// error what is on the image is one of the states above.
Status WriteBack(const Context& context, HeaderIo& io, const HeaderUpdate& update);

}  // namespace rbdcrypt::rbd::luks
