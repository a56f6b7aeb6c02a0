# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a certificate is what cryptography wrote into it."""

from __future__ import annotations

import datetime
import ipaddress
import typing as t

import pytest
from ansible_collections.sparkflows.mlops.plugins.module_utils._host.certificates import certificate_facts
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def write(folder, key, names: t.Sequence[str] = (), days: float = 90, issuer: str = "somebody", passphrase: bytes | None = None, label: str = "server"):
    """Write label.crt and label.key, and return their paths and the certificate."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "größe.example.com")]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer), x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "x" * 60)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        general = [x509.IPAddress(ipaddress.ip_address(name)) if ":" in name or name[0].isdigit() else x509.DNSName(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("me@example.com"), *general]), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    secrecy = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    paths = [folder / (label + suffix) for suffix in (".crt", ".key")]
    paths[0].write_bytes(b"Some text before\n" + certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secrecy))
    return str(paths[0]), str(paths[1]), certificate


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


# Beyond 2049, times have another form.
@pytest.mark.parametrize("days", [90, 20000])
@pytest.mark.parametrize("names", [[], ["mlflow.example.com"], ["b.example.com", "a.example.com", "*.example.com", "10.0.0.1", "2001:db8::1"]])
def test_contents(tmp_path, rsa_key, names, days):
    path, key, certificate = write(tmp_path, rsa_key, names, days)
    facts = certificate_facts(path, key)
    assert facts["names"] == sorted(names)
    assert facts["not_before"] == (NOW - datetime.timedelta(days=1)).timestamp()
    assert facts["not_after"] == (NOW + datetime.timedelta(days=days)).timestamp()
    assert facts["days_left"] == days - 1
    assert facts["fingerprint"].replace(":", "").lower() == certificate.fingerprint(hashes.SHA256()).hex()
    assert (facts["exists"], facts["key_fits"], facts["error"]) == (True, True, None)


@pytest.mark.parametrize(
    ("wanted", "fit"),
    [
        (["A.example.com", "2001:DB8:0::0001", "10.0.0.1", "10.0.0.1"], True),
        (["a.example.com", "10.0.0.1"], False),
        (["a.example.com", "10.0.0.1", "2001:db8::1", "b.example.com"], False),
        ([], False),
        (None, None),
    ],
)
def test_names(tmp_path, ec_key, wanted, fit):
    path = write(tmp_path, ec_key, ["a.example.com", "10.0.0.1", "2001:db8::1"])[0]
    assert certificate_facts(path, names=wanted)["names_fit"] is fit


def test_expired(tmp_path, ec_key):
    path, dummy, certificate = write(tmp_path, ec_key, days=-0.5)
    facts = certificate_facts(path, None)
    assert (facts["days_left"], facts["key_fits"], facts["error"]) == (-1, None, None)


def test_the_first_of_a_chain_counts(tmp_path, rsa_key, ec_key):
    path, key, certificate = write(tmp_path, rsa_key, ["leaf.example.com"])
    other = write(tmp_path, ec_key, ["ca.example.com"], label="ca")[0]
    with open(path, "ab") as chain, open(other, "rb") as more:
        chain.write(more.read())
    facts = certificate_facts(path, key)
    assert (facts["names"], facts["key_fits"], facts["error"]) == (["leaf.example.com"], True, None)


def test_key_and_certificate_in_one_file(tmp_path, ec_key):
    path, key, dummy = write(tmp_path, ec_key)
    both = tmp_path / "both.pem"
    with open(path, encoding="ascii") as certificate, open(key, encoding="ascii") as secret:
        both.write_text(secret.read() + certificate.read())
    assert certificate_facts(str(both), str(both))["key_fits"] is True


class TestErrors:
    def test_missing(self, tmp_path, ec_key):
        path, key, dummy = write(tmp_path, ec_key)
        facts = certificate_facts(str(tmp_path / "none"), key)
        assert (facts["exists"], facts["names"], facts["key_fits"]) == (False, None, None)
        assert facts["error"] == "The certificate %s can't be read: No such file or directory." % (tmp_path / "none")
        assert certificate_facts(str(tmp_path), key)["error"] == "The certificate %s can't be read: Is a directory." % tmp_path
        facts = certificate_facts(path, str(tmp_path / "none"))
        assert facts["names"] == []
        assert facts["key_fits"] is False
        assert facts["error"] == "The private key %s can't be read: No such file or directory." % (tmp_path / "none")

    def test_not_a_certificate(self, tmp_path, ec_key):
        dummy, key, dummy = write(tmp_path, ec_key)
        assert certificate_facts(key, key)["error"] == "%s holds no certificate in PEM format." % key

    @pytest.mark.parametrize(
        "body", ["", "AAAA", "MAA=", "MIIBCgKCAQEA", "!!!", "MAUwAzABAA=="], ids=["empty", "zeros", "no items", "cut off", "no base64", "no fields"]
    )
    def test_damaged(self, tmp_path, body):
        path = tmp_path / "server.crt"
        path.write_text("-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % body)
        assert certificate_facts(str(path), None)["error"] == "The certificate in %s is damaged." % path

    @pytest.mark.parametrize("other", ["rsa", "ec"])
    def test_key_of_another(self, tmp_path, rsa_key, other):
        path = write(tmp_path, rsa_key)[0]
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048) if other == "rsa" else ec.generate_private_key(ec.SECP256R1())
        key = write(tmp_path, stranger, label="other")[1]
        facts = certificate_facts(path, key)
        assert facts["key_fits"] is False
        assert facts["error"] == "The private key %s does not belong to the certificate %s." % (key, path)

    def test_passphrase(self, tmp_path, ec_key):
        path, key, dummy = write(tmp_path, ec_key, passphrase=b"CANARY")
        assert certificate_facts(path, key)["error"] == "The private key %s is protected by a passphrase, which a service can't be asked for." % key

    def test_no_key(self, tmp_path, ec_key):
        path, key, dummy = write(tmp_path, ec_key)
        facts = certificate_facts(path, path)
        assert facts["key_fits"] is False
        assert facts["error"].startswith("%s and %s can't be used as certificate and private key: " % (path, path))
