// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/counted.h"

#include <string>
#include <utility>

namespace rbdcrypt::kms {
namespace {

class Counter {
 public:
  Counter(Metrics& metrics, std::string provider)
      : metrics_(metrics), provider_(std::move(provider)) {}

  Status Count(const char* operation, Status status) {
    metrics_.CountKms(provider_, operation, CodeName(status.code()));
    return status;
  }

  template <typename T>
  Result<T> Count(const char* operation, Result<T> result) {
    metrics_.CountKms(provider_, operation, CodeName(result.status().code()));
    return result;
  }

 private:
  Metrics& metrics_;
  std::string provider_;
};

class CountedWrapper final : public DekWrapper {
 public:
  CountedWrapper(DekWrapper& inner, Counter counter)
      : inner_(inner), counter_(std::move(counter)) {}

  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override {
    return counter_.Count("wrap", inner_.WrapDek(context, volume_id, dek));
  }

  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override {
    return counter_.Count("unwrap", inner_.UnwrapDek(context, volume_id, wrapped));
  }

 private:
  DekWrapper& inner_;
  Counter counter_;
};

class CountedStore final : public DekStore {
 public:
  CountedStore(DekStore& inner, Counter counter) : inner_(inner), counter_(std::move(counter)) {}

  bool CanCompareAndSet() const override { return inner_.CanCompareAndSet(); }

  Result<StoredDek> Fetch(const Context& context, std::string_view volume_id) override {
    return counter_.Count("fetch", inner_.Fetch(context, volume_id));
  }

  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override {
    return counter_.Count("create", inner_.Create(context, volume_id, dek));
  }

  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override {
    return counter_.Count("replace", inner_.Replace(context, volume_id, expected_version, dek));
  }

  Result<StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override {
    return counter_.Count("fetch_previous", inner_.FetchPrevious(context, volume_id));
  }

  Status RemovePrevious(const Context& context, std::string_view volume_id) override {
    return counter_.Count("remove_previous", inner_.RemovePrevious(context, volume_id));
  }

  Status Remove(const Context& context, std::string_view volume_id) override {
    return counter_.Count("remove", inner_.Remove(context, volume_id));
  }

 private:
  DekStore& inner_;
  Counter counter_;
};

class CountedKms final : public Kms {
 public:
  CountedKms(std::shared_ptr<Kms> inner, Metrics& metrics) : inner_(std::move(inner)) {
    const Counter counter(metrics, std::string(inner_->provider()));
    if (inner_->wrapper() != nullptr) {
      wrapper_ = std::make_unique<CountedWrapper>(*inner_->wrapper(), counter);
    }
    if (inner_->store() != nullptr) {
      store_ = std::make_unique<CountedStore>(*inner_->store(), counter);
    }
  }

  const std::string& id() const override { return inner_->id(); }

  std::string_view provider() const override { return inner_->provider(); }

  DekKind dek_kind() const override { return inner_->dek_kind(); }

  std::size_t dek_bytes() const override { return inner_->dek_bytes(); }

  Identity identity() const override { return inner_->identity(); }

  Status Connect(const Context& context) override { return inner_->Connect(context); }

  bool is_shared_passphrase() const override { return inner_->is_shared_passphrase(); }

  DekWrapper* wrapper() override { return wrapper_.get(); }

  DekStore* store() override { return store_.get(); }

 private:
  std::shared_ptr<Kms> inner_;
  std::unique_ptr<CountedWrapper> wrapper_;
  std::unique_ptr<CountedStore> store_;
};

}  // namespace

std::shared_ptr<Kms> Counted(std::shared_ptr<Kms> inner, Metrics& metrics) {
  return std::make_shared<CountedKms>(std::move(inner), metrics);
}

}  // namespace rbdcrypt::kms
