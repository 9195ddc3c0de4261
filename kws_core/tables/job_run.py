"""The ledger of jobs that run once per date."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kws_core.tables.base import Base


class JobRun(Base):
    """A job that runs once per date of the lab, across all replicas: the process that inserts the row runs it."""

    __tablename__ = "job_runs"

    job: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(String(64))
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    marked: Mapped[list[str]] = mapped_column(default=list)  # ids of the rentals that it set on their way
    failed: Mapped[list[str]] = mapped_column(default=list)
    told_at: Mapped[datetime | None]  # when its summary was written
