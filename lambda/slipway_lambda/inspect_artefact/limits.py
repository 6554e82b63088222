"""How large a model archive may be, and what may be in it."""

MIB = 1024 * 1024

COMPRESSED_BYTES = 2048 * MIB
UNPACKED_BYTES = 4096 * MIB
RATIO = 100
"""Unpacked to packed. Real models reach about ten; an archive of zeros a thousand."""
RATIO_FREE_BYTES = 16 * MIB
"""Below this, a good ratio is no threat and small text files reach any."""
MEMBERS = 1000
PATH_CHARACTERS = 255
PAX_BYTES = 64 * 1024
SUFFIXES = (".ubj", ".json")
"""XGBoost's own formats and our schema. Nothing that runs code when it is read: no pickle, no joblib, no numpy objects.
"""
MODEL_SUFFIX = ".ubj"
FIRST_BYTES = (b"{", b"[")
"""Both formats begin so, and no pickle or zip does: a renamed file is found out."""
