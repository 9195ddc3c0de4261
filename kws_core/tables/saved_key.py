"""Public keys that people saved."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base

LONGEST_NAME = 60  # characters


class SavedKey(Base):
    """One public key of one person."""

    __tablename__ = "saved_keys"
    __table_args__ = (
        Index("uq_saved_keys_owner_name", "owner", "name", unique=True),
        Index("uq_saved_keys_owner_fingerprint", "owner", "fingerprint", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    public_key: Mapped[str] = mapped_column(Text)  # one clean line of authorized_keys
    fingerprint: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime]

    @property
    def type(self) -> str:
        """``ssh-ed25519`` and the like."""
        return self.public_key.split()[0]
