// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>

namespace rbdcrypt::net {

// Sets up libcurl for the process, once however often it is called, with the functions below as its
// allocator: so every header and body that libcurl copies into buffers of its own is wiped when it
// frees them. Thread safe. To be called before anybody else in the process sets up libcurl;
// CurlHttpClient::New() does.
//
// What it does not cover: OpenSSL's buffers of TLS records. Of those, received plaintext is wiped
// by an option (curl_transfer), and sent plaintext is overwritten by its ciphertext.
void InitCurl();

// malloc, free and so on, which wipe whatever is freed; free and realloc only for blocks of these.
// Thread safe.
void* WipingMalloc(std::size_t size);
void* WipingCalloc(std::size_t count, std::size_t size);
void* WipingRealloc(void* block, std::size_t size);
char* WipingStrdup(const char* text);
void WipingFree(void* block);

// Called with each block that is about to be freed, after it was wiped; null ends it. Not thread
// safe.
void ObserveWipedBlocksForTest(void (*observer)(const void* block, std::size_t size));

}  // namespace rbdcrypt::net
