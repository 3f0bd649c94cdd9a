// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/status.h"
#include "base/strings.h"

namespace rbdcrypt::testing {

TempDir::TempDir()
    : path_((std::filesystem::temp_directory_path() / "rbdcrypt-test-XXXXXX").string()) {
  RBDCRYPT_CHECK(::mkdtemp(path_.data()) != nullptr);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::File(std::string_view name) const {
  return Cat(path_, "/", name);
}

std::string TempDir::Write(std::string_view name, std::string_view content) const {
  std::string path = File(name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  RBDCRYPT_CHECK(file.good());
  return path;
}

std::string TempDir::Read(std::string_view name) const {
  std::ifstream file(File(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace rbdcrypt::testing
