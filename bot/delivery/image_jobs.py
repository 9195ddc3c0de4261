"""Work on images that may take long: on threads of its own, told in one message that is edited.

A job lives in this process only. When that ends in the middle, the message says so if there is time, otherwise the
next process (or another replica) says it: see ``close_broken``. Nothing is lost by it, since every act may be
repeated and goes on where it ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from http.client import HTTPException

from slack_sdk.errors import SlackClientError

from bot.slack.dispatcher import Dispatcher, RequestContext, Serve
from bot.slack.messages import MessageClient
from bot.text.i18n import N_
from bot.views import ids
from bot.views.images import Progress
from bot.views.rental_card import Message
from kws_core.errors import ErrorCode, UserError
from kws_core.images.image_audit import By
from kws_core.images.service import Images
from kws_core.images.syncs import ImageSyncs
from kws_core.tables.image_sync import ImageSync

log = logging.getLogger(__name__)

EVERY = 3.0  # seconds between two edits; Slack takes about fifty a minute
PAUSES = (2.0, 5.0, 15.0, 60.0, 180.0)  # seconds, when Slack does not take the last edit
TROUBLE = (SlackClientError, HTTPException, OSError, ValueError)


class ImageJobs:
    """``images`` is asked on ``executor``; ``stop`` ends what is under way. ``every``: seconds between edits."""

    def __init__(
        self,
        images: Images,
        dispatcher: Dispatcher,
        post: MessageClient,
        executor: Executor,
        every: float = EVERY,
    ) -> None:
        self.images = images
        self.dispatcher = dispatcher
        self.post = post
        self.syncs = ImageSyncs(dispatcher.context)
        self.executor = executor
        self.every = every
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def soon(self, serve: Serve, request: RequestContext) -> None:
        """Serve an admin on a thread that may wait for the nodes."""
        self.executor.submit(self.dispatcher.run, serve, request)

    def stop(self) -> None:
        """Nothing new begins; what is under way ends soon, and its message says so."""
        self._stopping.set()
        self.images.stop()
        self.executor.shutdown(wait=False, cancel_futures=True)

    def sync(self, request: RequestContext, by: By, wanted: str, name: str | None) -> None:
        """Copy one image, or with None all of them, to the nodes without them. ``wanted`` is shown and repeated."""
        with self._alone(wanted):
            channel = str(request.client.conversations_open(users=[request.who.id])["channel"]["id"])
            sync = self.syncs.begin(by, wanted, channel)
            progress = Progress(wanted, request.texts, block_id=ids.IMAGE_SYNC + str(sync))
            ts = self.post.send(channel, progress.message())
            self.syncs.posted(sync, ts)
            self._say_begun(request)
            with self._edited(channel, ts, progress):
                problem = self._sync(by, name, progress, request)
        # the next copy may begin before the message offers to begin it
        if self._finish(channel, ts, progress.end(problem)):
            self.syncs.told(sync)

    def _say_begun(self, request: RequestContext) -> None:
        try:
            request.say(request.texts(N_("Copying started. See your DMs for progress.")))
        except TROUBLE as error:  # the DM says it too
            log.warning("can't tell that images are being copied: %s", error)

    def close_broken(self) -> None:
        """Says of copies whose process died that they have broken off; to be called now and then."""
        for sync in self.syncs.broken_off():
            with self.syncs.acquire(sync) as ours:
                if ours and not self._stopping.is_set():
                    self._close(sync)

    def _close(self, sync: ImageSync) -> None:
        block_id = ids.IMAGE_SYNC + str(sync.id)
        texts = self.dispatcher.directory.texts_of(sync.person)
        problem = self.dispatcher.explain(UserError(ErrorCode.IMAGES_STOPPED), texts, sync.person)
        try:
            ts = sync.ts or self.post.find(sync.channel, block_id)
        except TROUBLE as error:
            log.warning("can't find the message of an interrupted copy: %s", error)
            return
        message = Progress(sync.wanted, texts, block_id=block_id).end(problem)
        if ts is None or self._try_edit(sync.channel, ts, message):
            self.syncs.over(sync)

    def _sync(self, by: By, name: str | None, progress: Progress, request: RequestContext) -> str | None:
        try:
            for report in self.images.syncing(by, name, progress.watch):
                progress.add(report)
        except Exception as error:
            return self.dispatcher.explain(error, request.texts, request.who.id)
        return None

    @contextmanager
    def _alone(self, wanted: str) -> Iterator[None]:
        with self._lock:
            if wanted in self._running:
                raise UserError(ErrorCode.IMAGE_SYNC_RUNNING)
            self._running.add(wanted)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(wanted)

    @contextmanager
    def _edited(self, channel: str, ts: str, progress: Progress) -> Iterator[None]:
        """Meanwhile the message shows how far it is."""
        over = threading.Event()

        def edit() -> None:
            shown = progress.message().text
            while not over.wait(self.every):
                message = progress.message()
                if message.text != shown:
                    shown = message.text
                    self._try_edit(channel, ts, message)

        editor = self.dispatcher.context.spawn(edit, "images-progress")
        try:
            yield
        finally:
            over.set()
            editor.join()

    def _finish(self, channel: str, ts: str, message: Message) -> bool:
        for pause in PAUSES:
            if self._try_edit(channel, ts, message):
                return True
            if self._stopping.wait(pause):
                return False
        return self._try_edit(channel, ts, message)

    def _try_edit(self, channel: str, ts: str, message: Message) -> bool:
        try:
            self.post.edit(channel, ts, message)
        except TROUBLE as error:
            log.warning("can't show the progress of a copy: %s", error)
            return False
        return True
