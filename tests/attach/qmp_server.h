// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/handle.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::testing {

// A QMP monitor that greets each connection and answers each line with what `answer` makes of it;
// "" closes the connection. Serves one connection after the other on a thread of its own.
class QmpServer {
 public:
  using Answer = std::function<std::string(const std::string& line)>;

  explicit QmpServer(Answer answer, std::string greeting = kGreeting);
  ~QmpServer();
  QmpServer(const QmpServer&) = delete;
  QmpServer& operator=(const QmpServer&) = delete;

  std::string SocketPath() const { return folder_.File("qmp.sock"); }

  // Every line received, the negotiation left out.
  std::vector<std::string> Lines() const;

  // What QEMU 7.2 sends.
  static constexpr char kGreeting[] =
      R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": []}})";

 private:
  void Serve();
  void ServeOne(int connection);

  Answer answer_;
  std::string greeting_;
  TempDir folder_;
  UniqueFd listener_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace rbdcrypt::testing
