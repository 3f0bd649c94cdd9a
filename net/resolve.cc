// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/resolve.h"

#include <memory>
#include <string>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <pthread.h>

#include "base/strings.h"
#include "net/host.h"

namespace rbdcrypt::net {
namespace {

constexpr absl::Duration kSlice = absl::Milliseconds(100);

// Of the question, and of its answer once that is there; in the hands of who asks and of who looks
// it up, whichever ends last.
struct LookUp {
  LookUp(decltype(&getaddrinfo) by, Endpoint wanted) : ask(by), endpoint(std::move(wanted)) {}

  const decltype(&getaddrinfo) ask;
  const Endpoint endpoint;
  absl::Mutex mutex;
  bool is_done ABSL_GUARDED_BY(mutex) = false;
  int error ABSL_GUARDED_BY(mutex) = 0;
  AddressList addresses ABSL_GUARDED_BY(mutex);
};

int Ask(decltype(&getaddrinfo) ask, const Endpoint& endpoint, int flags, AddressList& addresses) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error =
      ask(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  addresses.reset(found);
  return error;
}

Result<AddressList> Answer(const Endpoint& endpoint, int error, AddressList addresses) {
  if (error != 0 || addresses == nullptr) {
    return Unavailable(Cat(endpoint.Text(), ": no address for this name (",
                           ::gai_strerror(error != 0 ? error : EAI_NONAME),
                           "): look at the name, and at the resolver's answer"));
  }
  return addresses;
}

void* RunLookUp(void* argument) {
  const std::unique_ptr<std::shared_ptr<LookUp>> held(
      static_cast<std::shared_ptr<LookUp>*>(argument));
  LookUp& look_up = **held;
  AddressList addresses;
  const int error = Ask(look_up.ask, look_up.endpoint, 0, addresses);
  absl::MutexLock lock(&look_up.mutex);
  look_up.error = error;
  look_up.addresses = std::move(addresses);
  look_up.is_done = true;
  return nullptr;
}

Status StartLookUp(const std::shared_ptr<LookUp>& look_up) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  auto held = std::make_unique<std::shared_ptr<LookUp>>(look_up);
  pthread_t thread;
  const int error = ::pthread_create(&thread, &attributes, &RunLookUp, held.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    return Unavailable(Cat(look_up->endpoint.Text(), ": no thread to resolve this name in"));
  }
  static_cast<void>(held.release());
  return OkStatus();
}

}  // namespace

Result<AddressList> Resolve(const Context& context, const Endpoint& endpoint) {
  if (IsIpAddress(endpoint.host)) {
    AddressList addresses;
    const int error = Ask(&::getaddrinfo, endpoint, AI_NUMERICHOST, addresses);
    return Answer(endpoint, error, std::move(addresses));
  }
  return ResolveBy(&::getaddrinfo, context, endpoint);
}

Result<AddressList> ResolveBy(decltype(&getaddrinfo) ask,
                              const Context& context,
                              const Endpoint& endpoint) {
  const std::string next = Cat("an address for ", endpoint.Text(), " was found");
  RETURN_IF_ERROR(context.Check(next));
  const auto look_up = std::make_shared<LookUp>(ask, endpoint);
  RETURN_IF_ERROR(StartLookUp(look_up));
  absl::MutexLock lock(&look_up->mutex);
  while (!look_up->mutex.AwaitWithTimeout(absl::Condition(&look_up->is_done), kSlice)) {
    RETURN_IF_ERROR(context.Check(next));
  }
  return Answer(endpoint, look_up->error, std::move(look_up->addresses));
}

}  // namespace rbdcrypt::net
