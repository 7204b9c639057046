"""The type of block in which a unit may keep a provider's credentials in Prefect. Importing it imports Prefect."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from flows.credentials import SLUG, with_credentials

__all__ = ["HoldfastProviderCredentials", "register", "with_credentials"]


class HoldfastProviderCredentials(Block):
    """What one provider knows us by, for a process whose environment does not have it: a block for each secret.

    Everybody who may use this Prefect server can read it by the API. The environment of the watch, or a secret file
    that the provider's table names, is safer.
    """

    _block_type_name: ClassVar[str | None] = "Holdfast Provider Credentials"
    _code_example: ClassVar[str | None] = (
        "# Nothing to paste: Holdfast reads it where the environment lacks the variable."
    )
    _block_type_slug: ClassVar[str | None] = SLUG

    provider: str = Field(
        title="Provider",
        description="The provider's id in the catalogue, such as snap (`holdfast providers`).",
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
    )
    variable: str = Field(
        title="Stands for",
        description="The environment variable that the provider's [adapter.auth] names, such as SNAP_TOKEN.",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    )
    secret: SecretStr = Field(
        title="Secret",
        description="Its value. Where the variable is set in a process's environment, that comes first.",
    )


def register() -> None:
    """Let the Prefect server know the type, so that a block of it can be made on its page. Harmless to repeat."""
    HoldfastProviderCredentials.register_type_and_schema(_sync=True)  # type: ignore[call-arg]  # Prefect adds it
