// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Texts that csi/ reads and others wrote: staging records and StorageClass parameters. The first
// byte chooses the reader, so that a corpus file serves one.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "csi/image_features.h"
#include "csi/map_options.h"
#include "csi/names.h"
#include "csi/parameters.h"
#include "csi/staging_record.h"
#include "csi/topology_pools.h"

namespace rbdcrypt::csi {
namespace {

// What is taken names one image in one pool, and is written back so that it reads the same.
void ReadImageMeta(std::string_view text) {
  const Result<ImageMeta> meta = ParseImageMeta(text);
  if (!meta.ok()) {
    RBDCRYPT_CHECK(meta.status().code() == Code::kDataLoss);
    return;
  }
  RBDCRYPT_CHECK(!meta->image.empty() && meta->image.find('/') == std::string::npos);
  const Result<ImageMeta> again = ParseImageMeta(FormatImageMeta(*meta));
  RBDCRYPT_CHECK(again.ok() && *again == *meta);
}

void ReadIntent(std::string_view text) {
  const Result<StageIntent> intent = ParseStageIntent(text);
  if (!intent.ok()) {
    RBDCRYPT_CHECK(intent.status().code() == Code::kDataLoss);
    return;
  }
  const Result<StageIntent> again = ParseStageIntent(FormatStageIntent(*intent));
  RBDCRYPT_CHECK(again.ok() && *again == *intent);
}

// The text as the value of each parameter with a grammar of its own.
void ReadParameters(std::string_view text) {
  for (const std::string_view name :
       {kImageFeaturesParameter, kMapOptionsParameter, kMkfsOptionsParameter, kObjectSizeParameter,
        kTopologyPoolsParameter, kEncryptedParameter}) {
    Parameters parameters = {{std::string(kClusterIdParameter), "c"},
                             {std::string(kPoolParameter), "p"}};
    parameters.insert_or_assign(std::string(name), std::string(text));
    const Result<StorageClass> result = ReadStorageClass(parameters);
    RBDCRYPT_CHECK(result.ok() || result.status().code() == Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace rbdcrypt::csi

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      rbdcrypt::csi::ReadImageMeta(text);
      break;
    case 1:
      rbdcrypt::csi::ReadIntent(text);
      break;
    default:
      rbdcrypt::csi::ReadParameters(text);
  }
  return 0;
}
