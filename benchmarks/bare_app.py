"""A Bolt app that does nothing but open one static modal: what Bolt and the SDK cost by themselves.

``python -m benchmarks.bare_app VIEW.json``, with the environment of ``kws run``. Connections and threads are those of KWS.
With ``--libraries`` it also uses, once each, all other libraries that KWS can't do without: what those cost.
"""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

CONNECTIONS, THREADS = 2, 32


def main() -> None:
    """Run until SIGTERM."""
    view = json.loads(Path(sys.argv[1]).read_text())
    token = os.environ["SLACK_BOT_TOKEN"]
    client = WebClient(token, base_url=os.environ["SLACK_API_URL"])
    app = App(
        client=client,
        authorize=lambda enterprise_id, team_id: AuthorizeResult(
            enterprise_id=enterprise_id, team_id=team_id, bot_token=token
        ),
        signing_secret="unused",  # noqa: S106 - there are no Request URLs
        token_verification_enabled=False,
        listener_executor=ThreadPoolExecutor(THREADS),
    )
    logging.disable(logging.WARNING)

    @app.command("/kws")
    def opened(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=view)

    work = use_libraries() if "--libraries" in sys.argv else lambda: None
    for _ in range(CONNECTIONS):
        handler = SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], concurrency=THREADS)
        handler.connect()  # type: ignore[no-untyped-call]
    work()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # its sockets need no farewell


def use_libraries() -> Callable[[], None]:
    """One table, check, template, and scheduler; what is returned asks each node for its servers and containers."""
    gc.disable()  # as `kws run` does
    import babel.dates
    import jinja2
    import prometheus_client
    import typer
    from apscheduler.schedulers.background import BackgroundScheduler
    from babel.messages import pofile
    from openstack.config import OpenStackConfig
    from openstack.connection import Connection
    from pydantic import TypeAdapter
    from sqlalchemy import Integer, create_engine, select
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
    from zunclient import client as zun

    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "bare"
        id = mapped_column(Integer, primary_key=True)

    engine = create_engine(os.environ["KWS_DATABASE_URL"])
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Row(id=TypeAdapter(int).validate_python("1")))
        session.commit()
        session.scalars(select(Row)).all()
    BackgroundScheduler().start()
    jinja2.Template("{{ day }}").render(day=babel.dates.format_date(datetime.now(UTC), locale="ko"))
    pofile.read_po(io.StringIO()), typer.Typer(), prometheus_client.CollectorRegistry()
    clouds = OpenStackConfig()
    nodes = [Connection(config=clouds.get_one(cloud=name)) for name in clouds.get_cloud_names()]
    gc.freeze()
    gc.enable()

    def work() -> None:
        for node in nodes:
            node.compute.get("/servers/detail")
            zun.Client("1", session=node.session).containers.list()

    return work


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
