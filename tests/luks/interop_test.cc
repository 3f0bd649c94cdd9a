// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// Our headers and cryptsetup's, each opened by the other: by its library always, by its program
// where that is installed.
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcryptsetup.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"
#include "rbd/luks/header.h"
#include "tests/luks/luks_world.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt::rbd::luks {
namespace {

using testing::FakeHeaderIo;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::TempDir;

constexpr std::size_t kFileBytes = 20 * 1024 * 1024;

// Both copies and two keyslots lie below.
constexpr std::size_t kHeadBytes = 1024 * 1024;

using CryptHandle = CHandle<crypt_device, crypt_free>;

// The image as a file of its own; returns the path.
std::string Save(const FakeHeaderIo& io, const TempDir& folder) {
  const std::vector<std::byte> head = io.Peek(0, kHeadBytes);
  const std::string path = folder.Write(
      "image", std::string_view(reinterpret_cast<const char*>(head.data()), head.size()));
  RBDCRYPT_CHECK(truncate(path.c_str(), kFileBytes) == 0);
  return path;
}

FakeHeaderIo LoadFile(const std::string& path) {
  std::string head(kHeadBytes, '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), kHeadBytes);
  FakeHeaderIo io;
  io.Poke(0, std::as_bytes(std::span(head)));
  return io;
}

CryptHandle Init(const std::string& path) {
  crypt_device* device = nullptr;
  RBDCRYPT_CHECK(crypt_init(&device, path.c_str()) == 0);
  crypt_set_log_callback(
      device, [](int, const char*, void*) {}, nullptr);
  return CryptHandle(device);
}

struct Made {
  std::string cipher;
  std::string mode;
  std::size_t key_bytes;
  std::uint32_t sector_bytes;
};

// A header by libcryptsetup with a cheap KDF; false if it refuses (it needs the kernel for ciphers
// that OpenSSL lacks).
bool MakeWithCryptsetup(const std::string& path, const Made& made) {
  const CryptHandle device = Init(path);
  crypt_pbkdf_type pbkdf{};
  pbkdf.type = CRYPT_KDF_PBKDF2;
  pbkdf.hash = "sha512";
  pbkdf.iterations = 1000;
  pbkdf.flags = CRYPT_PBKDF_NO_BENCHMARK;
  crypt_params_luks2 parameters{};
  parameters.pbkdf = &pbkdf;
  parameters.sector_size = made.sector_bytes;
  parameters.label = "a label";
  const int formatted =
      crypt_format(device.get(), CRYPT_LUKS2, made.cipher.c_str(), made.mode.c_str(), nullptr,
                   nullptr, made.key_bytes, &parameters);
  return formatted == 0 &&
         crypt_keyslot_add_by_volume_key(device.get(), 0, nullptr, 0, kK0.data(), kK0.size()) == 0;
}

int OpenWithCryptsetup(const std::string& path, std::string_view key) {
  const CryptHandle device = Init(path);
  const int loaded = crypt_load(device.get(), CRYPT_LUKS2, nullptr);
  return loaded != 0 ? loaded
                     : crypt_activate_by_passphrase(device.get(), nullptr, CRYPT_ANY_SLOT,
                                                    key.data(), key.size(), 0);
}

TEST(InteropTest, CryptsetupsHeadersOpenWithUs) {
  for (const Made& made :
       {Made{"aes", "xts-plain64", 64, 4096}, Made{"aes", "xts-plain64", 32, 512},
        Made{"aes", "cbc-essiv:sha256", 32, 512}}) {
    const TempDir folder;
    const std::string path = folder.Write("image", "");
    ASSERT_EQ(truncate(path.c_str(), kFileBytes), 0);
    ASSERT_TRUE(MakeWithCryptsetup(path, made)) << made.mode;
    FakeHeaderIo io = LoadFile(path);
    EXPECT_THAT(Opens(io, kK0), IsOkAndHolds(0)) << made.mode;
    EXPECT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1)) << made.mode;
    EXPECT_THAT(DropSlot(io, 0), IsOk());
    ASSERT_OK_AND_ASSIGN(const Header header, Header::Load(Context::Background(), io));
    EXPECT_EQ(header.layout().metadata.segments.at(0).cipher, Cat(made.cipher, "-", made.mode));
    EXPECT_EQ(header.layout().metadata.segments.at(0).sector_bytes, made.sector_bytes);
    EXPECT_EQ(OpenWithCryptsetup(Save(io, folder), kK1), 1) << made.mode;
  }
}

TEST(InteropTest, LibcryptsetupOpensOurHeadersWithTheirDigest) {
  for (const CipherSpec& cipher : {CipherSpec{}, CipherSpec{"aes-xts-plain64", 256, 4096},
                                   CipherSpec{"serpent-xts-plain64", 512, 512}}) {
    const Context context = Context::Background();
    const TempDir folder;
    FakeHeaderIo io;
    ASSERT_OK_AND_ASSIGN(const Inspection found, InspectImage(context, io));
    ASSERT_OK_AND_ASSIGN(Header header, Header::Format(found, {.cipher = cipher}, Secret(kK0)));
    ASSERT_THAT(header.WriteBack(context, io), IsOk());
    ASSERT_THAT(AddKey(io, kK0, kK1), IsOkAndHolds(1));
    const std::string path = Save(io, folder);
    EXPECT_EQ(OpenWithCryptsetup(path, kK0), 0) << cipher.name;
    EXPECT_EQ(OpenWithCryptsetup(path, kK1), 1) << cipher.name;
    EXPECT_EQ(OpenWithCryptsetup(path, kWrong), -EPERM) << cipher.name;
  }
}

TEST(InteropTest, LibcryptsetupLeavesBothOurCopiesAsTheyAre) {
  // It repairs what it thinks damaged or stale: nothing of ours.
  const TempDir folder;
  const std::string path = Save(ImageWithK0AndK1(), folder);
  ASSERT_EQ(OpenWithCryptsetup(path, kK1), 1);
  EXPECT_EQ(LoadFile(path).Peek(0, 32768), ImageWithK0AndK1().Peek(0, 32768));
}

TEST(InteropTest, LuksOneMadeByCryptsetupIsRefused) {
  const TempDir folder;
  const std::string path = folder.Write("image", "");
  ASSERT_EQ(truncate(path.c_str(), kFileBytes), 0);
  const CryptHandle device = Init(path);
  crypt_pbkdf_type pbkdf{};
  pbkdf.type = CRYPT_KDF_PBKDF2;
  pbkdf.hash = "sha256";
  pbkdf.iterations = 1000;
  pbkdf.flags = CRYPT_PBKDF_NO_BENCHMARK;
  ASSERT_EQ(crypt_set_pbkdf_type(device.get(), &pbkdf), 0);
  ASSERT_EQ(
      crypt_format(device.get(), CRYPT_LUKS1, "aes", "xts-plain64", nullptr, nullptr, 64, nullptr),
      0);
  FakeHeaderIo io = LoadFile(path);
  EXPECT_THAT(Opens(io, kK0), testing::StatusIs(Code::kFailedPrecondition, HasSubstr("LUKS1")));
}

// Runs a shell command with `key` on standard input; the exit status.
int RunWithKey(const std::string& command, std::string_view key) {
  FILE* const pipe = popen(command.c_str(), "w");
  RBDCRYPT_CHECK(pipe != nullptr);
  std::fwrite(key.data(), 1, key.size(), pipe);
  return WEXITSTATUS(pclose(pipe));
}

TEST(InteropTest, CryptsetupProgramOpensOurHeader) {
  if (RunWithKey("PATH=$PATH:/usr/sbin:/sbin command -v cryptsetup >/dev/null", "") != 0) {
    GTEST_SKIP() << "no cryptsetup program (Debian package cryptsetup-bin) is installed";
  }
  const TempDir folder;
  const std::string path = Save(ImageWithK0AndK1(), folder);
  const std::string program = "PATH=$PATH:/usr/sbin:/sbin cryptsetup ";
  const std::string open =
      Cat(program, "open --test-passphrase --key-file=- ", path, " 2>/dev/null");
  EXPECT_EQ(RunWithKey(open, kK0), 0);
  EXPECT_EQ(RunWithKey(open, kK1), 0);
  EXPECT_EQ(RunWithKey(open, kWrong), 2);
  const std::string dump = folder.File("dump");
  ASSERT_EQ(RunWithKey(Cat(program, "luksDump ", path, " >", dump, " 2>&1"), ""), 0);
  EXPECT_THAT(folder.Read("dump"), HasSubstr(std::string(kUuid)));
  EXPECT_THAT(folder.Read("dump"), HasSubstr("cipher: aes-xts-plain64"));
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
