# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# The image of both roles:  docker build -t rbdcrypt .
#
#   controller   needs no privilege: run it as user rbdcrypt (uid 10001). Its socket's folder must be
#                writable for that user, and a ring of the key manager "local" must be its own or
#                readable as docs/architecture.md says ("Who it runs as").
#   node         root, and the privileges to map, mount and make loop devices.
#
# Another base with the same packages: --build-arg BASE=…
ARG BASE=debian:12

FROM ${BASE} AS build
# libprotobuf-dev and libabsl-dev by name: libgrpc++-dev does not depend on the first.
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
      cmake g++ ninja-build pkg-config \
      libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
      libblkid-dev libcryptsetup-dev librados-dev librbd-dev libssl-dev \
      libcli11-dev libcurl4-openssl-dev libspdlog-dev libyaml-dev \
      nlohmann-json3-dev prometheus-cpp-dev
WORKDIR /src
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY proto proto
COPY base base
COPY net net
COPY k8s k8s
COPY kms kms
COPY vault vault
COPY rbd rbd
COPY rotation rotation
COPY csi csi
COPY cmd cmd
RUN cmake --preset release && cmake --build build/release --target rbdcrypt \
    && strip -o /rbdcrypt build/release/cmd/rbdcrypt

FROM ${BASE}
# First the authorities that a server is checked by where no other is configured, and what the binary
# is linked with; then what the node runs: mkfs, fsck and resize2fs, mkfs.xfs and
# xfs_growfs, modprobe, and qemu-storage-daemon with its rbd driver (which wants one of qemu's
# packages beside it: qemu-utils is the smallest).
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
      ca-certificates \
      libabsl20220623 libblkid1 libcivetweb1 libcryptsetup12 libcurl4 libgrpc++1.51 libgrpc29 \
      libprometheus-cpp-core1.0 libprometheus-cpp-pull1.0 libprotobuf32 librados2 librbd1 \
      libspdlog1.10 libssl3 libstdc++6 libyaml-0-2 \
      e2fsprogs xfsprogs util-linux mount kmod \
      qemu-system-common qemu-block-extra qemu-utils fuse3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 rbdcrypt \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
         --shell /usr/sbin/nologin rbdcrypt
COPY --from=build /rbdcrypt /usr/bin/rbdcrypt
COPY LICENSE /usr/share/doc/rbdcrypt/copyright
ENTRYPOINT ["/usr/bin/rbdcrypt"]
