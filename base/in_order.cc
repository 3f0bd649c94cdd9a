// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/in_order.h"

#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

namespace rbdcrypt {
namespace {

// A slow piece at the front must not leave the other threads without work.
constexpr std::size_t kPiecesForEachThread = 4;

class InOrder {
 public:
  InOrder(const Context& context, int threads)
      : context_(context),
        work_context_(context.AlsoCancelledBy([this] { return HasEnded(); })),
        most_pieces_(kPiecesForEachThread * static_cast<std::size_t>(threads)) {
    RBDCRYPT_CHECK(threads > 0);
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  }

  ~InOrder() {
    End();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  Status Run(const InOrderTasks& next) {
    bool has_more = true;
    while (has_more || !pieces_.empty()) {
      RETURN_IF_ERROR(context_.Check("go on"));
      if (has_more && pieces_.size() < most_pieces_) {
        ASSIGN_OR_RETURN(std::optional<InOrderTask> task, next());
        has_more = task.has_value();
        if (has_more) {
          Give(*std::move(task));
        }
      } else {
        RETURN_IF_ERROR(ReportFirst());
      }
    }
    return OkStatus();
  }

 private:
  struct Piece {
    InOrderTask task;
    // Null until it ran.
    InOrderReport report;
  };

  void Give(InOrderTask task) {
    pieces_.push_back(std::make_shared<Piece>(Piece{.task = std::move(task), .report = {}}));
    const absl::MutexLock lock(&mutex_);
    waiting_.push_back(pieces_.back());
  }

  Status ReportFirst() {
    const std::shared_ptr<Piece> first = std::move(pieces_.front());
    pieces_.pop_front();
    InOrderReport report;
    {
      const absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](Piece* piece) { return piece->report != nullptr; }, first.get()));
      report = std::move(first->report);
    }
    return report();
  }

  void Work() {
    while (true) {
      std::shared_ptr<Piece> piece;
      {
        const absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &InOrder::HasWorkOrEnd));
        if (has_ended_) {
          return;
        }
        piece = std::move(waiting_.front());
        waiting_.pop_front();
      }
      InOrderReport report = piece->task(work_context_);
      RBDCRYPT_CHECK(report != nullptr);
      piece->task = nullptr;
      const absl::MutexLock lock(&mutex_);
      piece->report = std::move(report);
    }
  }

  bool HasWorkOrEnd() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return has_ended_ || !waiting_.empty();
  }

  bool HasEnded() const {
    const absl::MutexLock lock(&mutex_);
    return has_ended_;
  }

  void End() {
    const absl::MutexLock lock(&mutex_);
    has_ended_ = true;
  }

  const Context& context_;
  const Context work_context_;
  const std::size_t most_pieces_;
  // Given and not reported, in order; of the calling thread.
  std::deque<std::shared_ptr<Piece>> pieces_;
  mutable absl::Mutex mutex_;
  std::deque<std::shared_ptr<Piece>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace

Status RunInOrder(const Context& context, int threads, const InOrderTasks& next) {
  return InOrder(context, threads).Run(next);
}

}  // namespace rbdcrypt
