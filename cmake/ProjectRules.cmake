# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# How every target of the project is made: rbdcrypt_library and rbdcrypt_test.
option(RBDCRYPT_TESTS "Build the unit tests" OFF)
option(RBDCRYPT_FUZZ "Build the fuzz targets (clang only)" OFF)
option(RBDCRYPT_BENCH "Offer the target bench_programs" OFF)
option(RBDCRYPT_HEADER_PROBES "Compile every header alone" OFF)
option(RBDCRYPT_CRASH_POINTS "Compile in the named crash points; never for a release" OFF)
set(RBDCRYPT_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# The presets share what they compile alike: paths relative to the sources, no folder in the hash.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
                                  CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

# A header and not an option of the compiler, so that only what includes it differs by it.
set(RBDCRYPT_HAS_CRASH_POINTS ${RBDCRYPT_CRASH_POINTS})
configure_file(${PROJECT_SOURCE_DIR}/cmake/rbdcrypt_config.h.in
               ${PROJECT_BINARY_DIR}/config/rbdcrypt_config.h)

# What must be the same in every object of a program, generated code included.
function(rbdcrypt_instrument target)
  if(RBDCRYPT_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${RBDCRYPT_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${RBDCRYPT_SANITIZE})
  elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${target} PRIVATE -fstack-protector-strong -U_FORTIFY_SOURCE
                                             -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS)
    target_link_options(${target} PUBLIC -pie -Wl,-z,relro,-z,now)
  endif()
  if(RBDCRYPT_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# What our own code is held to.
function(rbdcrypt_own_code target)
  target_compile_options(
    ${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                      -Woverloaded-virtual -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees overlaps inside std::string's own copying (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/config)
  rbdcrypt_instrument(${target})
endfunction()

# One object file per header of this folder: each compiles alone. A folder of several libraries has its
# headers probed by the first.
function(rbdcrypt_header_probes name)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} *.h)
  get_property(is_probed DIRECTORY PROPERTY RBDCRYPT_HEADERS_ARE_PROBED)
  set(probes "")
  foreach(header ${headers})
    if(NOT is_probed)
      string(MAKE_C_IDENTIFIER ${header} id)
      set(probe ${PROJECT_BINARY_DIR}/probes/${id}.cc)
      file(GENERATE OUTPUT ${probe} CONTENT "#include \"${header}\"\n")
      list(APPEND probes ${probe})
    endif()
  endforeach()
  set_property(DIRECTORY PROPERTY RBDCRYPT_HEADERS_ARE_PROBED TRUE)
  if(probes)
    add_library(${name}_header_probes OBJECT ${probes})
    target_link_libraries(${name}_header_probes PRIVATE ${name})
    rbdcrypt_own_code(${name}_header_probes)
  endif()
endfunction()

# rbdcrypt_library(NAME kms SRCS a.cc b.cc DEPS rbdcrypt::base) makes rbdcrypt::kms.
function(rbdcrypt_library)
  cmake_parse_arguments(arg "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(rbdcrypt_${arg_NAME} STATIC ${arg_SRCS})
  add_library(rbdcrypt::${arg_NAME} ALIAS rbdcrypt_${arg_NAME})
  target_link_libraries(rbdcrypt_${arg_NAME} PUBLIC ${arg_DEPS})
  rbdcrypt_own_code(rbdcrypt_${arg_NAME})
  if(RBDCRYPT_HEADER_PROBES)
    rbdcrypt_header_probes(rbdcrypt_${arg_NAME})
  endif()
endfunction()

# What one asks for by kind: the programs with the label concurrent, integration, kms, kmip or
# scheduler, the fuzz targets.
foreach(kind concurrent integration kms kmip scheduler)
  add_custom_target(${kind}_tests)
endforeach()
add_custom_target(fuzz_targets)

# rbdcrypt_test(NAME kms SRCS a_test.cc DEPS rbdcrypt::kms [LABELS unit concurrent]) makes the
# program kms_test; ctest runs it under the label unit unless others are given.
function(rbdcrypt_test)
  cmake_parse_arguments(arg "" "NAME" "SRCS;DEPS;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  add_executable(${arg_NAME}_test ${arg_SRCS})
  target_link_libraries(${arg_NAME}_test PRIVATE ${arg_DEPS} GTest::gtest GTest::gmock
                                                 GTest::gtest_main)
  target_compile_definitions(
    ${arg_NAME}_test PRIVATE RBDCRYPT_VECTORS="${PROJECT_SOURCE_DIR}/tests/vectors"
                             $<$<BOOL:${RBDCRYPT_CRASH_POINTS}>:RBDCRYPT_CRASH_POINTS>)
  rbdcrypt_own_code(${arg_NAME}_test)
  foreach(kind concurrent integration kms kmip scheduler)
    if(kind IN_LIST arg_LABELS)
      add_dependencies(${kind}_tests ${arg_NAME}_test)
    endif()
  endforeach()
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME}_test)
  set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()

# rbdcrypt_fuzz(NAME volume_id SRCS volume_id_fuzz.cc DEPS rbdcrypt::rbd) makes fuzz_volume_id.
function(rbdcrypt_fuzz)
  cmake_parse_arguments(arg "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(fuzz_${arg_NAME} ${arg_SRCS})
  target_link_libraries(fuzz_${arg_NAME} PRIVATE ${arg_DEPS})
  rbdcrypt_own_code(fuzz_${arg_NAME})
  target_link_options(fuzz_${arg_NAME} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz_targets fuzz_${arg_NAME})
endfunction()
