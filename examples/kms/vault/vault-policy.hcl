# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# Keys in the KV version 2 engine at secret/. For vaultDestroyKeys "false" grant "delete" on the
# first path in place of the second. On KV version 1: vault-policy-kv1.hcl.
path "secret/data/ceph-csi/*" {
  capabilities = ["create", "update", "read"]
}
path "secret/metadata/ceph-csi/*" {
  capabilities = ["delete"]
}
# The driver gives its tokens back when it ends.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
