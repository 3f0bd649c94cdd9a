# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
#
# Keys of one tenant in a KV version 2 engine of its own. For vaultDestroyKeys "false" grant
# "delete" on the first path in place of the second. On KV version 1: vault-policy-kv1.hcl.
path "tenant-a/data/*" {
  capabilities = ["create", "update", "read"]
}
path "tenant-a/metadata/*" {
  capabilities = ["delete"]
}
# The driver gives its tokens back when it ends.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
