// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/manager_task.h"

#include <string>

#include <rados/librados.h>

#include "base/handle.h"
#include "base/json.h"
#include "base/strings.h"
#include "rbd/ceph_errors.h"

namespace rbdcrypt::rbd {

Status AddTrashRemoveTask(RadosClient& client, std::string_view spec) {
  rados_t handle = nullptr;
  int result = rados_create_with_context(&handle, rados_cct(client.handle()));
  if (result < 0) {
    return FromRados(result, "make a librados handle for the manager");
  }
  const CHandle<void, rados_shutdown> cluster(handle);
  result = rados_connect(handle);
  if (result < 0) {
    return FromRados(result, "connect for the manager");
  }
  const std::string command =
      Json{{"prefix", "rbd task add trash remove"}, {"image_id_spec", spec}}.dump();
  const char* const_command = command.c_str();
  char* output = nullptr;
  char* text = nullptr;
  std::size_t output_size = 0;
  std::size_t text_size = 0;
  result =
      rados_mgr_command(handle, &const_command, 1, "", 0, &output, &output_size, &text, &text_size);
  const CHandle<char, rados_buffer_free> output_owned(output);
  const CHandle<char, rados_buffer_free> text_owned(text);
  // Not only below 0: its time-out is a positive ETIMEDOUT [measured on 16.2.15].
  if (result != 0) {
    return FromRados(result, Cat("manager task for ", spec, " (",
                                 std::string_view(text == nullptr ? "" : text, text_size), ")"));
  }
  return OkStatus();
}

}  // namespace rbdcrypt::rbd
