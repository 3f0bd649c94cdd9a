// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rbd/cluster.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {

// A cluster under test: has a pool "rbd", and in it a RADOS namespace "contract" for RBD images.
class CephWorld {
 public:
  virtual ~CephWorld() = default;

  // A new client of the cluster, with an address of its own.
  virtual std::shared_ptr<rbd::Connection> Connect() = 0;

  // For objects and images: not used before, by no earlier run either.
  virtual std::string NewName() = 0;

  // How long the locks of these tests last: long enough to work under, short enough to wait for.
  virtual std::chrono::seconds LockDuration() = 0;

  // Lets this much time go by for the cluster.
  virtual void Pass(std::chrono::seconds time) = 0;

  // Whether `condition` comes true in a reasonable time, without Pass().
  virtual bool Eventually(const std::function<bool()>& condition) = 0;

  // Gives an image of pool "rbd" a snapshot, as an administrator would.
  virtual void TakeSnapshot(const std::string& image) = 0;
};

struct CephCase {
  std::string name;
  std::function<std::unique_ptr<CephWorld>()> make;
};

inline void PrintTo(const CephCase& value, std::ostream* out) {
  *out << value.name;
}

// Two clients of one cluster, and their views of pool "rbd".
class CephContract : public ::testing::TestWithParam<CephCase> {
 public:
  static std::string Name(const ::testing::TestParamInfo<CephCase>& info) {
    return info.param.name;
  }

 protected:
  CephContract()
      : world_(GetParam().make()),
        first_(world_->Connect()),
        second_(world_->Connect()),
        first_pool_(*first_->OpenPool("rbd", "")),
        second_pool_(*second_->OpenPool("rbd", "")),
        name_(world_->NewName()) {}

  CephWorld& world() { return *world_; }

  rbd::Connection& first() { return *first_; }

  rbd::Connection& second() { return *second_; }

  rbd::Pool& pool() { return *first_pool_; }

  rbd::Pool& second_pool() { return *second_pool_; }

  rbd::Omap& omap() { return first_pool_->omap(); }

  // A name of this test's own.
  const std::string& name() const { return name_; }

 private:
  const std::unique_ptr<CephWorld> world_;
  const std::shared_ptr<rbd::Connection> first_;
  const std::shared_ptr<rbd::Connection> second_;
  const std::unique_ptr<rbd::Pool> first_pool_;
  const std::unique_ptr<rbd::Pool> second_pool_;
  const std::string name_;
};

}  // namespace rbdcrypt::testing
