// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt::csi {

// The few things a node does with plain files: mount points made and removed, records written.
// Nothing here follows a symbolic link at the last step, and nothing removes what has content.
// Errors are those of base/status FromErrno, with the path.

// Of the file that becomes `path` by rename.
inline constexpr std::string_view kTemporarySuffix = ".tmp";

enum class PathKind { kAbsent, kDirectory, kFile, kOther };

// What is at `path` itself, not behind a link. A path whose mount is dead (EIO, ENOTCONN, ESTALE)
// is an error, never absent (safety A4).
Result<PathKind> KindOf(const std::string& path);

// Makes an empty mount point, or leaves one that is there. Modes are ceph-csi's (ceph-csi-compat
// 8.1): 0750 for a directory, 0600 for a file. kFailedPrecondition: something of another kind.
Status MakeMountDirectory(const std::string& path);
Status MakeMountFile(const std::string& path);

// Removes an empty directory or a file; ok if absent. kFailedPrecondition: a directory with content
// (data written below an absent mount is never thrown away), or busy.
Status RemoveMountPoint(const std::string& path);

// kNotFound: absent. kDataLoss: larger than `max_bytes`.
Result<std::string> ReadSmallFile(const std::string& path, std::size_t max_bytes);

// Replaces the content of `path`, mode 0600, durably before it returns.
Status WriteFileDurably(const std::string& path, std::string_view content);

// Ok if absent; durable before it returns.
Status RemoveFile(const std::string& path);

// The path with its folders' symbolic links resolved; its last step, which may be a dead mount, is
// not looked at. A path without such a folder comes back as it is.
Result<std::string> ResolvedPath(const std::string& path);

// The folder of `path`: "/a/b" -> "/a".
std::string ParentOf(const std::string& path);

}  // namespace rbdcrypt::csi
