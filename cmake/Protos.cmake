# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# Messages and services of proto/, generated into the build folder as one library each.
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

# rbdcrypt_proto(csi) makes the target rbdcrypt::proto_csi with csi.pb.h and csi.grpc.pb.h.
function(rbdcrypt_proto name)
  set(out ${PROJECT_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${out})
  set(generated ${out}/${name}.pb.cc ${out}/${name}.pb.h ${out}/${name}.grpc.pb.cc
                ${out}/${name}.grpc.pb.h)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${PROTOC} --proto_path=${PROJECT_SOURCE_DIR}/proto --cpp_out=${out} --grpc_out=${out}
            --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${name}.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/proto/${name}.proto
    VERBATIM)
  add_library(rbdcrypt_proto_${name} STATIC ${generated})
  add_library(rbdcrypt::proto_${name} ALIAS rbdcrypt_proto_${name})
  # Not ours to warn about: generated code, included as a system folder.
  target_include_directories(rbdcrypt_proto_${name} SYSTEM PUBLIC ${out})
  target_link_libraries(rbdcrypt_proto_${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  rbdcrypt_instrument(rbdcrypt_proto_${name})
endfunction()

rbdcrypt_proto(csi)
