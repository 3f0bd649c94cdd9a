// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/inspect_image.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "rbd/luks/binary_header.h"

namespace rbdcrypt::rbd::luks {
namespace {

Result<std::vector<std::byte>> ReadHead(HeaderIo& io, std::size_t size) {
  ASSIGN_OR_RETURN(const std::uint64_t image_size, io.SizeBytes());
  std::vector<std::byte> head(std::min<std::uint64_t>(size, image_size));
  RETURN_IF_ERROR(io.Read(0, head));
  return head;
}

}  // namespace

Result<Inspection> InspectImage(const Context& context, HeaderIo& io) {
  RETURN_IF_ERROR(context.Check("read the LUKS header"));
  ASSIGN_OR_RETURN(std::vector<std::byte> head, ReadHead(io, 2 * kDefaultCopyBytes));
  const std::size_t wanted = BytesToInspect(head);
  if (wanted > head.size()) {
    ASSIGN_OR_RETURN(head, ReadHead(io, wanted));
  }
  Inspection found = Inspect(std::move(head));
  const bool may_hide = !found.layout || !found.layout->copies[0].verifies;
  if (!may_hide || wanted == kInspectBytes) {
    return found;
  }
  ASSIGN_OR_RETURN(head, ReadHead(io, kInspectBytes));
  return Inspect(std::move(head));
}

}  // namespace rbdcrypt::rbd::luks
