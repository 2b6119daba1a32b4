"""Keys and certificates: read from what the field calls PEM and PKCS #12, matched with each other and with the CPA."""

from mobb_client.pki.certificate import Certificate
from mobb_client.pki.identity import HashName, Identity

__all__ = ["Certificate", "HashName", "Identity"]
