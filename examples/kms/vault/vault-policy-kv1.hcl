# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# As vault-policy.hcl, for a KV version 1 engine (vaultBackend "kv").
path "secret/ceph-csi/*" {
  capabilities = ["create", "update", "read", "delete"]
}
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
