"""Dask is told to encrypt, to be patient, and to do nothing of its own."""

import logging

import dask
import pytest
from distributed.security import Security

from jaxgrok.fleet.dask_settings import SETTINGS, security_of


def test_its_settings_hold():
    assert {name: dask.config.get(name) for name in SETTINGS} == SETTINGS


def test_it_says_nothing_of_its_own():
    assert not logging.getLogger("distributed").isEnabledFor(logging.ERROR)


@pytest.mark.parametrize("role", ["client", "scheduler", "worker"])
def test_every_connection_needs_the_key_and_trusts_its_certificate_alone(role):
    temporary = Security.temporary()
    pair = temporary.tls_ca_file, temporary.tls_worker_key
    security = security_of(*pair)
    assert security.require_encryption
    assert security.tls_ca_file == pair[0]
    settings = security.get_tls_config_for_role(role)
    assert (settings["cert"], settings["key"]) == pair
