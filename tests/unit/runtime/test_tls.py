"""Amazon's authorities come first, then the system's; a bundle that somebody names is the only one."""

import ssl
import time
from pathlib import Path

import certifi
import pytest
from entity_push.runtime import tls

from testbed.endpoint import make_certificate

RECOMMENDED = {
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
}
"""By https://www.amazontrust.com/repository."""


def name_of(subject: object) -> str:
    """Return the common name in a subject as `ssl` tells it."""
    assert isinstance(subject, tuple)
    return str(dict(pair for pairs in subject for pair in pairs)["commonName"])


def test_the_roots_are_those_that_amazon_recommends_and_mozilla_trusts() -> None:
    known = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    assert tls.trusting(tls.AMAZON_ROOTS).get_ca_certs(binary_form=True)
    assert {
        name_of(found["subject"]) for found in tls.trusting(tls.AMAZON_ROOTS).get_ca_certs()
    } == RECOMMENDED
    assert set(tls.trusting(tls.AMAZON_ROOTS).get_ca_certs(binary_form=True)) <= set(known)


def test_the_roots_last_for_two_years_more() -> None:
    """If this fails: https://www.amazontrust.com/repository has the new ones; certifi has them, too."""
    soon = time.time() + 730 * 24 * 3600
    for root in tls.trusting(tls.AMAZON_ROOTS).get_ca_certs():
        assert ssl.cert_time_to_seconds(str(root["notAfter"])) > soon, root["subject"]


def test_a_named_bundle_wins_and_stays_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    assert tls.default_ca_file() == tls.AMAZON_ROOTS
    certificate, _ = make_certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    named = tls.trusting(tls.default_ca_file())
    assert len(named.get_ca_certs()) == 1
    assert tls.wider_than(named) is None


def test_after_amazons_come_the_systems_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, _ = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls.wider_than.cache_clear()
    wider = tls.wider_than(tls.trusting(tls.AMAZON_ROOTS))
    assert wider is not None
    assert len(wider.get_ca_certs()) == len(RECOMMENDED) + 1
    assert wider.verify_mode is ssl.CERT_REQUIRED
    assert wider.check_hostname
    assert tls.wider_than(wider) is None
    tls.wider_than.cache_clear()
