# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# What Debian 12 offers of the libraries we stand on; dev/packages build installs them.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(absl REQUIRED)
find_package(gRPC REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(civetweb REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(cryptsetup REQUIRED IMPORTED_TARGET libcryptsetup>=2.6)
pkg_check_modules(blkid REQUIRED IMPORTED_TARGET blkid)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)

# librbd and librados come without a .pc file.
foreach(name rbd rados)
  find_library(${name}_LIBRARY ${name} REQUIRED)
  add_library(ceph::${name} INTERFACE IMPORTED)
  target_link_libraries(ceph::${name} INTERFACE ${${name}_LIBRARY})
endforeach()

if(RBDCRYPT_TESTS)
  find_package(GTest REQUIRED)
endif()
