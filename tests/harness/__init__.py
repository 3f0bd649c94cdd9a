# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What the suites with real services share: real Ceph, real processes, real CSI calls."""
