# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What an administrator does with keys, by PyKMIP's own client: nothing of ours speaks KMIP here."""
import contextlib
import logging

from kmip.core import enums
from kmip.pie import objects
from kmip.pie.client import ProxyKmipClient

# The policy by which every client may use a key (POLICY in dev/kmip).
SHARED = "public"
USAGE = (enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT)

# Failures are their callers' to tell; and that it has no configuration file is as it should be.
logging.getLogger("kmip").addHandler(logging.NullHandler())


@contextlib.contextmanager
def connected(port, tls, name):
    """A client with the certificate of that name in the folder `tls`."""
    with ProxyKmipClient(
            hostname="127.0.0.1", port=port, cert=str(tls / f"{name}.pem"),
            key=str(tls / f"{name}.key"), ca=str(tls / "ca.pem"), ssl_version="PROTOCOL_TLSv1_2",
            kmip_version=enums.KMIPVersion.KMIP_1_4) as client:
        yield client


def register(client, name, key, usage=USAGE, policy=SHARED, active=True):
    """An AES key of known bytes; its identifier. Policy None: for its owner alone."""
    made = objects.SymmetricKey(enums.CryptographicAlgorithm.AES, len(key) * 8, key,
                                masks=list(usage), name=name)
    made.operation_policy_name = policy
    identifier = client.register(made)
    if active:
        client.activate(identifier)
    return identifier


def revoke(client, identifier, code=enums.RevocationReasonCode.CESSATION_OF_OPERATION):
    """Deactivates a key; by code KEY_COMPROMISE it is a compromised one."""
    is_compromised = code == enums.RevocationReasonCode.KEY_COMPROMISE
    client.revoke(code, identifier, compromise_occurrence_date=1 if is_compromised else None)


def state_of(client, identifier):
    """A member of enums.State."""
    _, attributes = client.get_attributes(identifier, ["State"])
    return attributes[0].attribute_value.value


def names_of(client, identifier):
    _, attributes = client.get_attributes(identifier, ["Name"])
    return [each.attribute_value.name_value.value for each in attributes]


def named(client, name):
    """The identifiers of all keys of that name."""
    attribute = client.attribute_factory.create_attribute(enums.AttributeType.NAME, name)
    return client.locate(attributes=[attribute])
