"""The methods that signatures are made with: how a secret becomes a key, HMAC, plain hashes, ed25519."""

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Iterable
from functools import lru_cache

# cryptography is imported where ed25519 is used: it takes longer to load than all of signing.


def list_secrets(secret):
    """The secrets, one or several, as a list."""
    if isinstance(secret, str):
        return [secret]
    if isinstance(secret, bytes) or not isinstance(secret, Iterable):
        raise TypeError(f"A secret is text, not {type(secret).__name__}.")
    secrets = list(secret)
    if not secrets:
        raise ValueError("Give at least one secret.")
    return secrets


@lru_cache
def _key(secret, key, prefix):
    """The key's bytes; remembered, because a receiver verifies every delivery with the same few secrets."""
    if not isinstance(secret, str):
        raise TypeError(f"A secret is text, not {type(secret).__name__}.")
    if prefix and not secret.startswith(prefix):
        raise ValueError(f"The secret must begin with {prefix}.")
    text = secret[len(prefix) :]
    try:
        decoded = _DECODE[key](text)
    except ValueError:
        what = f"not valid {key} after {prefix!r}" if prefix else f"no {key}"
        raise ValueError(f"The secret is {what}.") from None
    # HMAC fills a key up with zeros (RFC 2104, section 2): one of zeros alone is the empty key.
    if not any(decoded):
        raise ValueError("The secret is empty, or nothing but zeros.")
    return decoded


_DECODE = {
    "text": str.encode,
    "base64": lambda text: b64decode(text, validate=True),
    "hex": binascii.unhexlify,
}
_ENCODE = {
    "base64": lambda data: binascii.b2a_base64(data, newline=False).decode(),
    "hex": bytes.hex,
}


def _hmac(digest):
    def sign(dialect, secret, message):
        key = _key(secret, dialect.key, dialect.key_prefix)
        return _ENCODE[dialect.encoding](hmac.digest(key, message, digest))

    return sign


def _hash(digest):
    def sign(dialect, secret, message):
        key = _key(secret, dialect.key, dialect.key_prefix)
        # A list of what stands around the secret: see Dialect.message.
        return _ENCODE[dialect.encoding](hashlib.new(digest, key.join(message)).digest())

    return sign


def _fits(sign):
    def fits(dialect, secret, message, offered):
        # Comparing the encoded form accepts one spelling only, and compare_digest takes as long wherever they differ.
        expected = sign(dialect, secret, message)
        found = False
        for one in offered:
            found |= hmac.compare_digest(expected, one)
        return found

    return fits


def _ed25519(dialect, secret, message):
    # The specification leaves the layout open; Svix stores the 32 bytes of the seed, then the public key.
    seed = _key(secret, dialect.key, dialect.private_prefix)[:32]
    if len(seed) < 32:
        raise ValueError("An ed25519 private key has at least 32 bytes.")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return _ENCODE[dialect.encoding](Ed25519PrivateKey.from_private_bytes(seed).sign(message))


def _ed25519_fits(dialect, secret, message, offered):
    from cryptography.exceptions import InvalidSignature

    key = _public_key(secret, dialect.key, dialect.key_prefix)
    for one in offered:
        try:
            signature = _DECODE[dialect.encoding](one)
            if _ENCODE[dialect.encoding](signature) == one:  # one spelling only
                key.verify(signature, message)
                return True
        except (ValueError, InvalidSignature):
            continue
    return False


@lru_cache
def _public_key(secret, key, prefix):
    data = _key(secret, key, prefix)
    if len(data) != 32:
        raise ValueError(f"An ed25519 public key has 32 bytes, not {len(data)}.")
    if _has_small_order(data):
        raise ValueError("This public key is one that anybody can sign for: take the one that the provider gives you.")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(data)


# The curve of ed25519 (RFC 8032, section 5.1): -x² + y² = 1 + dx²y², modulo p.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P)


def _has_small_order(data):
    """Whether a public key is one of the eight points whose multiples are these eight only.

    Signatures for them are found by trying, without a private key. Doubled at most three times they give the
    neutral point (0, 1). That has y = 1; the point that doubles to it y = -1; those that double to that y = 0; and
    a point that doubles to y = 0 has x² = -y², which in the curve's equation is dy⁴ + 2y² = 1.
    """
    y = int.from_bytes(data, "little") % 2**255  # the bit above is the sign of x
    return y * (y**2 - 1) * (_D * y**4 + 2 * y**2 - 1) % _P == 0


#: Plain hashes, which have no key: what they sign must hold the secret.
HASHES = {"sha256": _hash("sha256"), "sha1": _hash("sha1")}
#: Functions of a dialect, a secret and a message: the right signature, and whether one of those offered fits.
SIGN = {"hmac-sha256": _hmac("sha256"), "ed25519": _ed25519, "hmac-sha1": _hmac("sha1")} | HASHES
FITS = {method: _fits(sign) for method, sign in SIGN.items()} | {"ed25519": _ed25519_fits}
