# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# As vault-policy.hcl, for a KV version 1 engine (vaultBackend "kv").
path "tenant-a/*" {
  capabilities = ["create", "update", "read", "delete"]
}
# The driver gives its tokens back when it ends.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
