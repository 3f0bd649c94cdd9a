# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# As vault-policy.hcl, for a KV version 1 engine (vaultBackend "kv").
path "tenant-a/*" {
  capabilities = ["create", "update", "read", "delete"]
}
# By which the driver tells a token that ended from one that lacks a right.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
