// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kms/kms.h"
#include "rbd/cluster.h"
#include "rbd/image.h"
#include "rbd/keyslots.h"
#include "rbd/snapshot_headers.h"
#include "tests/rotation/model_world.h"

// What a rotation stands on, as one program of the model sees it. Each call that could meet another
// program's is a ModelActor::Point.
namespace rbdcrypt::testing {

// Where the header stands in the model, as the names of the keys by keyslot.
inline constexpr char kModelHeader[] = "model/header";

std::vector<std::string> ParseModelHeader(const std::string& text);

// The image: its metadata. What a rotation does not use is not there.
class ModelImage final : public rbd::Image {
 public:
  ModelImage(ModelActor& actor, std::unique_ptr<rbd::Image> real)
      : actor_(actor), real_(std::move(real)) {}

  Result<std::string> GetMetadata(std::string_view key) override;
  Status SetAllMetadata(const std::map<std::string, std::string>& pairs) override;
  Status RemoveMetadata(std::string_view key) override;
  Result<std::vector<rbd::Snapshot>> Snapshots() override;

  std::string Id() const override { return real_->Id(); }

  Result<std::uint64_t> SizeBytes() override { return real_->SizeBytes(); }

  Result<std::uint64_t> Features() override { return real_->Features(); }

  Status Read(std::uint64_t offset_bytes, std::span<std::byte> out) override {
    return real_->Read(offset_bytes, out);
  }

  Status Write(std::uint64_t offset_bytes, std::span<const std::byte> data) override {
    return real_->Write(offset_bytes, data);
  }

  Status Flush() override { return real_->Flush(); }

  Status CompareAndWrite(std::uint64_t offset_bytes,
                         std::span<const std::byte, kSectorBytes> expected,
                         std::span<const std::byte, kSectorBytes> desired) override {
    return real_->CompareAndWrite(offset_bytes, expected, desired);
  }

  Result<std::map<std::string, std::string>> ListMetadata() override {
    return real_->ListMetadata();
  }

  Result<std::vector<rbd::Watcher>> Watchers() override { return real_->Watchers(); }

  Result<std::optional<rbd::Extent>> FirstExtentFrom(std::uint64_t from_bytes) override {
    return real_->FirstExtentFrom(from_bytes);
  }

  Status Grow(std::uint64_t size_bytes) override { return real_->Grow(size_bytes); }

 private:
  Status Change(const std::string& what, const std::function<Status()>& change);

  ModelActor& actor_;
  const std::unique_ptr<rbd::Image> real_;
};

// The header, whose commits are whole or not at all (tests/luks/header_crash_test.cc).
class ModelKeyslots final : public rbd::Keyslots {
 public:
  ModelKeyslots(ModelActor& actor, rbd::Image& real) : actor_(actor), real_(real) {}

  Status Load(const Context& context) override;
  std::vector<rbd::KeyslotInfo> Slots() const override;
  Result<bool> Opens(const Context& context, const Secret& dek, int number) override;
  Result<rbd::KeyslotInfo> Add(const Context& context,
                               const Secret& known,
                               const Secret& added) override;
  Status Drop(int number) override;
  Status Commit(const Context& context) override;

 private:
  Status Write(const std::string& text);

  ModelActor& actor_;
  rbd::Image& real_;
  std::string loaded_;
  std::vector<std::string> edited_;
  std::string added_;
  // For kStoreBeforeAdd: what is still to be written, and how often it was looked at.
  std::string held_back_;
  int looks_ = 0;
};

// The key manager.
class ModelKms final : public kms::Kms, public kms::DekStore, public kms::DekWrapper {
 public:
  explicit ModelKms(ModelActor& actor) : actor_(actor) {}

  const std::string& id() const override { return id_; }

  std::string_view provider() const override { return "model"; }

  std::size_t dek_bytes() const override { return 20; }

  kms::DekWrapper* wrapper() override { return IsWrapper() ? this : nullptr; }

  kms::DekStore* store() override { return IsWrapper() ? nullptr : this; }

  bool CanCompareAndSet() const override;
  Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume_id) override;
  Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override;
  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override;
  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override;
  Status RemovePrevious(const Context& context, std::string_view volume_id) override;
  Status Remove(const Context& context, std::string_view volume_id) override;
  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override;
  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override;

 private:
  bool IsWrapper() const;

  ModelActor& actor_;
  const std::string id_ = "model";
  // What the last Fetch saw: a standby that lags says the same of both DEKs.
  std::optional<ModelDeks> stale_;
  // What was sent last, for kTrustAnswers.
  std::string sent_;
};

// Snapshots of the image, by what keyslots their headers have.
class ModelSnapshots final : public rbd::SnapshotHeaders {
 public:
  explicit ModelSnapshots(ModelActor& actor) : actor_(actor) {}

  Result<std::vector<std::string>> NotOpenedBy(const Context& context,
                                               const Secret& known,
                                               const Secret* other) override;

 private:
  ModelActor& actor_;
};

// A client of the cluster: the calls that fence and lock.
class ModelConnection final : public rbd::Connection, public rbd::Pool, public rbd::LockTable {
 public:
  ModelConnection(ModelActor& actor,
                  std::shared_ptr<rbd::Connection> real,
                  std::unique_ptr<rbd::Pool> pool)
      : actor_(actor), real_(std::move(real)), pool_(std::move(pool)) {}

  Result<std::unique_ptr<rbd::Pool>> OpenPool(std::string_view name,
                                              std::string_view rados_namespace) override {
    return real_->OpenPool(name, rados_namespace);
  }

  Result<std::string> PoolName(std::int64_t pool_id) override { return real_->PoolName(pool_id); }

  Result<std::int64_t> PoolId(std::string_view name) override { return real_->PoolId(name); }

  Result<std::vector<std::string>> PoolNames() override { return real_->PoolNames(); }

  Result<std::vector<std::string>> NamespacesOf(std::string_view pool) override {
    return real_->NamespacesOf(pool);
  }

  Result<std::string> Fsid() override { return real_->Fsid(); }

  Result<std::vector<std::string>> OwnAddresses() override { return real_->OwnAddresses(); }

  Status Blocklist(std::string_view address, std::chrono::seconds duration) override;

  bool IsFenced() override { return real_->IsFenced(); }

  const std::string& name() const override { return pool_->name(); }

  const std::string& rados_namespace() const override { return pool_->rados_namespace(); }

  std::int64_t id() const override { return pool_->id(); }

  rbd::ImageStore& images() override { return pool_->images(); }

  rbd::Omap& omap() override { return pool_->omap(); }

  rbd::LockTable& locks() override { return *this; }

  Status Acquire(const rbd::LockName& lock,
                 std::chrono::seconds duration,
                 const rbd::LockNote& note) override;
  Status Renew(const rbd::LockName& lock, std::chrono::seconds duration) override;
  Status Release(const rbd::LockName& lock, std::string_view note_key) override;

  Result<std::optional<rbd::LockHolder>> Holder(const rbd::LockName& lock) override {
    return pool_->locks().Holder(lock);
  }

  Status Break(const rbd::LockName& lock, const rbd::LockHolder& holder) override;

 private:
  Status Noted(Status status) const;

  ModelActor& actor_;
  const std::shared_ptr<rbd::Connection> real_;
  const std::unique_ptr<rbd::Pool> pool_;
};

}  // namespace rbdcrypt::testing
