// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/snapshot_headers.h"

#include <map>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "rbd/luks/header.h"

namespace rbdcrypt::rbd {
namespace {

// What makes two headers one: the same keyslots, by their salts. (Not the sequence number: after a
// rollback the same number is given again.)
std::string VersionOf(const luks::Header& header) {
  std::string version = header.uuid();
  for (const luks::Keyslot& slot : header.layout().metadata.keyslots) {
    version += Cat(" ", slot.number, ":", slot.kdf.salt);
  }
  return version;
}

// kFailedPrecondition is a header without a usable keyslot.
Result<bool> Opens(const Context& context, luks::Header& header, const Secret& dek) {
  const Status status = header.TestPassphrase(context, dek).status();
  if (status.code() == Code::kUnauthenticated || status.code() == Code::kFailedPrecondition) {
    return false;
  }
  RETURN_IF_ERROR(status);
  return true;
}

// One call's questions.
class Search {
 public:
  Search(const Context& context, const Secret& known, const Secret* other, luks::MemoryGate& gate)
      : context_(context), known_(known), other_(other), gate_(gate) {}

  // Whether the header in `snapshot` is one that is looked for.
  Result<bool> Matches(Image& snapshot);

 private:
  Result<bool> MatchesHeader(luks::Header& header) const;

  const Context& context_;
  const Secret& known_;
  const Secret* const other_;
  luks::MemoryGate& gate_;
  std::map<std::string, bool> answers_;
};

Result<bool> Search::Matches(Image& snapshot) {
  Result<luks::Header> header = luks::Header::Load(context_, snapshot, gate_);
  if (header.status().code() == Code::kFailedPrecondition) {
    return false;
  }
  if (header.status().code() == Code::kDataLoss) {
    return other_ == nullptr;
  }
  RETURN_IF_ERROR(header.status());
  const std::string version = VersionOf(*header);
  if (const auto found = answers_.find(version); found != answers_.end()) {
    return found->second;
  }
  ASSIGN_OR_RETURN(const bool matches, MatchesHeader(*header));
  answers_.emplace(version, matches);
  return matches;
}

Result<bool> Search::MatchesHeader(luks::Header& header) const {
  ASSIGN_OR_RETURN(const bool is_known, Opens(context_, header, known_));
  if (is_known || other_ == nullptr) {
    return !is_known;
  }
  return Opens(context_, header, *other_);
}

}  // namespace

RbdSnapshotHeaders::RbdSnapshotHeaders(ImageStore& images,
                                       std::string image_name,
                                       std::function<Status()> keep_lock,
                                       luks::MemoryGate& gate)
    : images_(images),
      image_name_(std::move(image_name)),
      keep_lock_(std::move(keep_lock)),
      gate_(gate) {}

Result<std::vector<std::string>> RbdSnapshotHeaders::NotOpenedBy(const Context& context,
                                                                 const Secret& known,
                                                                 const Secret* other) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Image> image,
                   images_.Open(image_name_, OpenMode::kReadOnly));
  ASSIGN_OR_RETURN(const std::vector<Snapshot> snapshots, image->Snapshots());
  Search search(context, known, other, gate_);
  std::vector<std::string> names;
  for (const Snapshot& snapshot : snapshots) {
    RETURN_IF_ERROR(keep_lock_());
    Result<std::unique_ptr<Image>> opened = images_.OpenSnapshot(image_name_, snapshot.id);
    if (opened.status().code() == Code::kNotFound) {
      continue;  // removed meanwhile
    }
    RETURN_IF_ERROR(opened.status());
    const Result<bool> matches = search.Matches(**opened);
    if (!matches.ok()) {
      return Annotate(matches.status(), Cat("snapshot ", snapshot.name));
    }
    if (*matches) {
      names.push_back(snapshot.name);
    }
  }
  return names;
}

}  // namespace rbdcrypt::rbd
