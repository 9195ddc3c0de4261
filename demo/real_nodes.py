"""``kws demo --openstack``: the same page over the real nodes of nodes.toml.

Whatever is rented is real. So what is left at the end is returned, and the demo starts on no node that holds
rentals of another installation: these would be taken for orphaned resources on one side or the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer

from bot.service import Service
from demo.play import joining, on_stage
from demo.stage import DemoStage
from kws_core.config import Config, load_config
from kws_core.errors import ConfigError, NodeError
from kws_core.nodes import Node
from kws_core.nodes.pool import Pool
from kws_core.people import Actor
from kws_core.rentals.queries import RentalQueries
from kws_core.rentals.service import RentalService
from slack_workspace import Workspace

DATABASE = Path("kws-demo.db")  # kept while something of it may be on a node
ADMIN, CHANNEL = "U0ADMIN001", "C0LABADMIN"  # of the local workspace; nodes.toml names people of the real one
PATIENCE = 120.0  # seconds that the nodes get at the end to delete what was rented
LOOK = 0.5


@contextmanager
def on_real_nodes(*, port: int = 0, config: Path | None = None) -> Iterator[Workspace]:
    """A workspace with the bot in it; ConfigError when a node holds what this demo did not rent."""
    settings = of_the_demo(load_config(config))
    pool = Pool(settings)
    for problem in pool.check():
        typer.echo(f"kws: {problem}", err=True)
    try:
        with Workspace(port=port) as workspace:
            service = Service(settings, joining(workspace, f"sqlite:///{DATABASE}"), pool.nodes())
            service.reconciler.sweeps = False
            service.store.upgrade()
            refuse_company(pool.nodes(), {one.mark for one in service.rental_queries.all_rentals()})
            with on_stage(workspace, service, DemoStage(workspace, service)):
                yield workspace
                clean = return_all(service)
        if clean:
            for path in DATABASE.parent.glob(f"{DATABASE.name}*"):
                path.unlink()
    finally:
        pool.close()


def of_the_demo(config: Config) -> Config:
    """The configuration with the local workspace's admin in it."""
    kws = config.kws.model_copy(update={"admins": (ADMIN,), "admin_channel": CHANNEL})
    return config.model_copy(update={"kws": kws})


def refuse_company(nodes: Mapping[str, Node], own: set[str]) -> None:
    """Check that no node shows marks of another KWS.

    Raises:
        ConfigError: If one that answers does.
    """
    problems = []
    for name, node in nodes.items():
        try:
            strangers = set(node.marked()) - own
        except NodeError as error:
            typer.echo(f"kws: {name} isn't responding: {error}", err=True)
            continue
        if strangers:
            problems.append(
                f"{name}: has resources of another KWS ({len(strangers)}). The demo needs its own nodes, or its own projects without the admin role"
            )
    if problems:
        raise ConfigError(problems)


def return_all(service: Service, patience: float = PATIENCE) -> bool:
    """Return what is still rented and wait at most ``patience`` seconds; tell whether the nodes show nothing of it."""
    context = service.context
    left = RentalQueries(context).all_rentals()
    if not left:
        return True
    typer.echo("Returning active rentals: " + ", ".join(one.name for one in left))
    for rental in left:
        RentalService(context).return_rental(Actor(rental.owner, admin=True), rental.id)
    pause = threading.Event()
    waited = 0.0
    while RentalQueries(context).all_rentals() and waited < patience:
        pause.wait(LOOK)
        waited += LOOK
    still = [one.name for one in RentalQueries(context).all_rentals()]
    if still:
        typer.echo(
            f"Not deleted yet: {', '.join(still)}. Start the demo again to finish ({DATABASE}).", err=True
        )
    return not still
