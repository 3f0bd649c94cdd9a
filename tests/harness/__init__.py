# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What demo, integration, sanity and guest share: real Ceph, real processes, real CSI calls."""
