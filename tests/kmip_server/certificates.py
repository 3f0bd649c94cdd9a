# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Certificates that dev/kmip does not make: expired ones, another client's, a stranger's."""
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def name_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def issue(kmip, name, usage, dns=None, days=(-1, 1)):
    """A certificate by the CA of the servers, valid between the two days from now; the paths of its
    PEM and of its key's. `usage` None: without an extended key usage."""
    tls, key = kmip.tls, ec.generate_private_key(ec.SECP256R1())
    ca = x509.load_pem_x509_certificate((tls / "ca.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((tls / "ca.key").read_bytes(), None)
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder()
               .subject_name(name_of(name)).issuer_name(ca.subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
               .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]),
                                        critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    paths = tls / f"{name}.pem", tls / f"{name}.key"
    paths[0].write_bytes(builder.sign(ca_key, hashes.SHA256())
                         .public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return paths
