"""Which checks of the scorecard each planted fault of ``correct.py`` must fail: these, and no others."""

#: What every kind of refused delivery has in common: it was refused for its signature.
REFUSALS = (
    "unsigned empty-signature wrong-signature other-secret empty-key tampered-body tampered-id tampered-time "
    "stale future"
)

#: name: (the checks, and why it is more than one).
FAULTS = {
    # What is signed, and when.
    "written-again": ("raw-whitespace raw-unicode raw-decimal", "Python writes none of the three as it came"),
    "written-again-sorted": (
        "raw-whitespace raw-unicode raw-order raw-decimal odd-ids",
        "Python writes none of the four as it came, and half a character not at all",
    ),
    "first-signature-only": ("rotation", ""),
    "accepts-unsigned": ("unsigned odd-headers", "what is odd and unsigned is accepted, too"),
    "accepts-no-value": (
        "unsigned empty-signature odd-headers",
        "a missing and an empty header are one to it, and what is odd and unsigned is accepted, too",
    ),
    "believes-chunks": ("unsigned", ""),
    "looks-at-the-form-only": (
        "empty-signature wrong-signature other-secret empty-key tampered-body tampered-id tampered-time odd-headers",
        "each has what looks like one, if only v1 and a comma",
    ),
    "unset-secret": ("empty-key", ""),
    "id-from-the-body": (
        "tampered-id odd-headers odd-ids",
        "an odd id in the header is not looked at, and one of half a character in the body cannot be signed",
    ),
    "no-time-limit": ("stale future", "neither side has a limit"),
    "too-old-only": ("future", ""),
    "too-new-only": ("stale", ""),
    # What a refusal tells.
    "says-too-late": ("uniform", ""),
    "parses-first": ("uniform", ""),
    "says-what-fits": ("leaks", ""),
    "shows-its-traceback": ("leaks", ""),
    "200-for-refused": (f"{REFUSALS} odd-headers", "every refusal is answered alike"),
    "trips-over-a-time": ("odd-headers", ""),
    "compares-text": ("odd-headers", ""),
    # What is odd and signed.
    "500-for-no-json": (
        "malformed-json empty-body form odd-ids",
        "none of them is JSON; in odd-ids it is one without UTF-8",
    ),
    "waits-for-the-rest": (
        "malformed-json empty-body form nested odd-ids",
        "no more comes to make JSON of any of them",
    ),
    "too-deep": ("nested", ""),
    "takes-for-text": ("odd-ids", ""),
    "takes-for-an-object": ("not-an-object", ""),
    "404-for-unknown": ("unknown-type", ""),
    "takes-any-method": ("wrong-method", ""),
    # How large, and how whole.
    "reads-any-size": ("over-limit over-limit-chunked", "with a length or in chunks, it has no limit"),
    "trusts-the-length": ("over-limit-chunked", ""),
    "takes-what-came": ("cut-chunk cut-length", "both are cut, and the signature fits what came"),
    # Once.
    "does-it-again": ("duplicate same-moment", "each is done as often as it comes"),
    "remembers-the-attempt": ("duplicate same-moment", "each attempt has a signature of its own"),
    "knows-before-it-verifies": ("tampered-body", ""),
    "remembers-before-it-verifies": ("forged-first", ""),
    "looks-then-stores": ("same-moment", ""),
    "409-for-duplicates": ("duplicate same-moment", "both send a third time what has been done"),
    # How fast.
    "slow": ("quick burst slow-clients", "each delivery takes longer than the patience"),
    "one-thread": ("slow-clients", ""),
}
