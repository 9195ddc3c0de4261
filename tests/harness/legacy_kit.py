"""The tables of the system before KWS, made as that system made them, on any database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Boolean, Column, Date, ForeignKey, Integer, MetaData, String, Table, create_engine

# name and types as in the original's model; foreign keys are by name there
OLD = MetaData()
ID: dict[str, Any] = {"primary_key": True, "autoincrement": True}
NODE = Table(
    "node", OLD, Column("id", Integer, **ID), Column("name", String(45), unique=True), Column("vcpu", Integer),
    Column("ram", Integer), Column("disk", Integer), Column("auth_url", String(45), unique=True),
)  # fmt: skip
FLAVOR = Table(
    "flavor", OLD, Column("id", Integer, **ID), Column("name", String(45), unique=True), Column("vcpu", Integer),
    Column("ram", Integer), Column("disk", Integer), Column("is_default", Boolean),
)  # fmt: skip
NETWORK = Table(
    "network", OLD, Column("id", Integer, **ID), Column("name", String(45), unique=True),
    Column("cidr", String(45), unique=True), Column("is_default", Boolean), Column("is_external", Boolean),
)  # fmt: skip
SERVER = Table(
    "server", OLD, Column("id", Integer, **ID), Column("user_name", String(45), nullable=False),
    Column("server_name", String(45), unique=True, nullable=False), Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False), Column("floating_ip", String(45), nullable=False),
    Column("network_name", String(45), ForeignKey("network.name"), nullable=False),
    Column("node_name", String(45), ForeignKey("node.name"), nullable=False),
    Column("flavor_name", String(45), ForeignKey("flavor.name"), nullable=False),
    Column("image_name", String(45), nullable=False),
)  # fmt: skip
CONTAINER = Table(
    "container", OLD, Column("id", Integer, **ID), Column("user_name", String(45), nullable=False),
    Column("container_name", String(45), unique=True, nullable=False),
    Column("start_date", Date, nullable=False), Column("end_date", Date, nullable=False),
    Column("image_name", String(45), nullable=False), Column("password", String(100), nullable=False),
    Column("ip", String(45), nullable=False), Column("port", String(45), nullable=False),
    Column("network_name", String(45), ForeignKey("network.name"), nullable=False),
    Column("node_name", String(45), ForeignKey("node.name"), nullable=False),
)  # fmt: skip

Row = dict[str, Any]


def server(name: str, until: date, user: str = "김민아", node: str = "node1", **more: Any) -> Row:
    """A row of ``server``."""
    return {
        "user_name": user, "server_name": name, "start_date": date(2026, 11, 1), "end_date": until,
        "floating_ip": "192.168.0.201", "network_name": "default", "node_name": node,
        "flavor_name": "kws_small", "image_name": "ubuntu-22.04", **more,
    }  # fmt: skip


def container(name: str, until: date, user: str = "김민아", node: str = "node1", **more: Any) -> Row:
    """A row of ``container``."""
    return {
        "user_name": user, "container_name": name, "start_date": date(2026, 11, 1), "end_date": until,
        "image_name": "nginx:latest", "password": "5e884898da28047151d0e56f8dc62927", "ip": "192.168.0.77",
        "port": "[80]", "network_name": "public", "node_name": node, **more,
    }  # fmt: skip


def fill(url: str, servers: Sequence[Row] = (), containers: Sequence[Row] = ()) -> None:
    """Makes the tables anew with these rows, and what the original puts in beside them."""
    engine = create_engine(url)
    try:
        OLD.drop_all(engine)
        OLD.create_all(engine)
        with engine.begin() as connection:
            nodes = [f"node{number}" for number in (1, 2, 4)]
            for number, name in enumerate(nodes):
                values = {
                    "name": name,
                    "vcpu": 6,
                    "ram": 6144,
                    "disk": 80,
                    "auth_url": f"http://192.168.0.{number}/identity",
                }
                connection.execute(NODE.insert().values(**values))
            for name, cidr, external in (
                ("public", "192.168.0.0/24", True),
                ("default", "192.168.233.0/24", False),
            ):
                connection.execute(
                    NETWORK.insert().values(name=name, cidr=cidr, is_default=True, is_external=external)
                )
            for name, figures in {"kws_small": (1, 512, 5), "odd": (3, 3000, 7)}.items():
                values = dict(zip(("vcpu", "ram", "disk"), figures, strict=True))
                connection.execute(FLAVOR.insert().values(name=name, is_default=name != "odd", **values))
            for table, rows in ((SERVER, servers), (CONTAINER, containers)):
                for row in rows:
                    connection.execute(table.insert().values(**row))
    finally:
        engine.dispose()
