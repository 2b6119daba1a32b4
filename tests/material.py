"""The simulator's material, made once a run around a fixed moment: keys take a while, the rest does not."""

from __future__ import annotations

from functools import cache

from tests.keys import MOMENT

from mobb_client.simulator.material import Keys, Material, Profile, Terms, make_material

__all__ = ["MOMENT", "cpa_bytes", "material", "material_keys", "swap"]


@cache
def material_keys() -> Keys:
    """Return the three keys of this run."""
    return Keys.new()


@cache
def material() -> Material:
    """Return the material of this run, valid around `MOMENT`."""
    return make_material(MOMENT, keys=material_keys(), passphrase="geen geheim")  # noqa: S106 - of test keys


def cpa_bytes(profile: Profile = "osb-rm", *, sync: bool = False, terms: Terms | None = None) -> bytes:
    """Return a CPA of the material."""
    return material().cpa(profile, sync=sync, terms=terms)


def swap(data: bytes, *pairs: tuple[str, str]) -> bytes:
    """Return the document with each first text replaced everywhere by its second; every first text must be there."""
    text = data.decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()
