"""Secrets at rest: a stolen database file does not give them away, because the key to them is elsewhere."""

import hashlib

# cryptography is imported where it is used: it takes longer to load than all of this folder.


class Vault:
    """Encrypts and decrypts what must be read again, with Fernet (https://cryptography.io/en/latest/fernet/).

    Attributes:
        has_several_keys: Whether a list of keys was given.

    Args:
        key: A key as `new_key` makes, from the environment or a key service, never from the same disk. A list of keys
            decrypts with any and encrypts with the first.

    Raises:
        ValueError: A key is no Fernet key.
    """

    def __init__(self, key):
        from cryptography.fernet import Fernet, MultiFernet

        keys = [key] if isinstance(key, (str, bytes)) else list(key)
        self.has_several_keys = len(keys) > 1
        try:
            self._fernet = MultiFernet([Fernet(one) for one in keys])
        except ValueError:
            raise ValueError("A key is 32 bytes in URL-safe base64, such as new_key() gives.") from None

    def seal(self, secret):
        """Return the secret encrypted, as text."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed):
        """Return the secret that was sealed.

        Raises:
            ValueError: It was sealed with another key, or has been changed.
        """
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            raise ValueError("This was sealed with a key that is not among those given.") from None


def new_key():
    """Return a new random key for a `Vault`, as text."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def fingerprint(api_key):
    """Return what is stored of an API key, which is only ever compared.

    A plain hash is enough for a key of 192 random bits, which nobody can try out; for passwords it is not.
    """
    return hashlib.sha256(api_key.encode()).hexdigest()
