"""Mail as a platform signs it with DKIM: by dkimpy, so that our verification is tried on another's signatures."""

from base64 import b64encode
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DOMAIN, SELECTOR = "example.com", "s1"
KEY_NAME = f"{SELECTOR}._domainkey.{DOMAIN}"

MAIL = (
    b"Return-Path: <returns@bounces.example.com>\n"
    b"From: News <news@example.com>\n"
    b"To:   Ada  Lovelace\n\t<user@example.org>\n"
    b"Subject: =?utf-8?q?Fr=C3=BChling?=\n  with   blanks \n"
    b"X-Recipient: user@example.org\n"
    b"Message-ID: <m1@example.com>\n"
    b"Date: Tue, 24 Nov 2026 06:00:00 +0000\n"
)
BODY = b"Hello,\n\nnews.\n"
FIELDS = ("From", "To", "Subject", "X-Recipient", "Message-ID", "Date")


@cache
def rsa_key() -> tuple[bytes, str]:
    """A private key in PEM and its TXT record."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"


def signed(
    mail: bytes = MAIL,
    *,
    form: str = "relaxed/relaxed",
    fields: tuple[str, ...] = FIELDS,
    domain: str = DOMAIN,
) -> bytes:
    """The header with a signature of today's clock on top, LF for line ends, its blank line at the end."""
    crlf = (mail + b"\n" + BODY).replace(b"\n", b"\r\n")
    signature = dkim.sign(
        crlf, SELECTOR.encode(), domain.encode(), rsa_key()[0],
        canonicalize=tuple(each.encode() for each in form.split("/")),
        include_headers=[field.lower().encode() for field in fields],
    )
    return bytes(signature).replace(b"\r\n", b"\n") + mail + b"\n"
