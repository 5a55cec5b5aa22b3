"""The engine on a Dask cluster: one of this machine, or one that is given."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib.util import find_spec
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any
from uuid import uuid4

from triage.batch.local import Judged, Pending, deaf, in_order
from triage.batch.work import Chunk, Recipe, judge_chunk, triager_of
from triage.engine import Triager
from triage.errors import BundleError, InputError

__all__ = ["Dask", "cluster"]

_AHEAD = 2  # chunks for each worker that are on their way while it judges
_COUNTED = 5.0  # seconds for which the number of workers is taken as known: it may grow and shrink
_PATIENCE = 30.0  # seconds that scheduler and first worker are waited for


class Dask:
    """Judges on the workers of a cluster, each with a bundle of its own, loaded once.

    A worker that is lost loses nothing: its chunks are judged again by another, and each chunk is taken once.

    Parameters
    ----------
    scheduler : str or None
        Address (``tcp://host:8786``, ``tls://...``) or scheduler file; None for a cluster of this machine's cores.
    workers : int or None
        Processes of a cluster of this machine; as many as there are cores if None.
    """

    def __init__(self, scheduler: str | None = None, workers: int | None = None) -> None:
        self.scheduler = scheduler
        self.workers = workers

    def __call__(self, triager: Triager, chunks: Iterator[Chunk]) -> Judged:
        """Yield the lines of each chunk in order."""
        recipe, run, numbers = Recipe.of(triager), uuid4().hex, count()
        with cluster(self.scheduler, self.workers) as client:
            from distributed import KilledWorker
            from distributed.client import FutureCancelledError
            from distributed.comm import CommClosedError

            def submit(chunk: Chunk) -> Pending:
                away: Pending = client.submit(judge_chunk, recipe, chunk, key=f"triage-{run}-{next(numbers)}")
                return away

            try:
                client.register_plugin(_loader(recipe), name=f"triage-{recipe.mark}-{recipe.lang}")
                with closing(in_order(submit, chunks, _Room(client))) as judged:
                    yield from judged
            except (KilledWorker, FutureCancelledError, CommClosedError):
                raise InputError("worker_lost") from None
            except ImportError as error:
                raise BundleError("worker_differs", found=error.name, allowed=recipe.mark) from None


class _Room:
    """Tells how many chunks may be away at once."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.asked = float("-inf")
        self.room = 1

    def __call__(self) -> int:
        if time.monotonic() - self.asked > _COUNTED:
            self.room = _AHEAD * max(1, sum(self.client.nthreads().values()))
            self.asked = time.monotonic()
        return self.room


def _loader(recipe: Recipe) -> Any:
    """Return the plugin that loads the bundle when a worker starts, before its first letter."""
    from distributed import WorkerPlugin

    class Loader(WorkerPlugin):  # type: ignore[misc]
        """Loads what the recipe names."""

        def setup(self, worker: Any) -> None:
            """Load it; a fault is told by the first chunk."""
            from contextlib import suppress

            from triage.errors import TriageError

            with suppress(TriageError):
                triager_of(recipe)

    return Loader()


@contextmanager
def cluster(scheduler: str | None = None, workers: int | None = None) -> Iterator[Any]:
    """Give a client of a cluster with a worker at least.

    Raises
    ------
    InputError
        If the extra is not installed, no scheduler answers or it has no worker.
    """
    if not all(map(find_spec, ("dask", "distributed"))):
        raise InputError("scale_missing")
    import dask
    from distributed import Client, LocalCluster

    # The one who reads standard error is a clerk: what goes wrong is told in a line of ours.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}))
        where: dict[str, Any]
        if scheduler is None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="triage-", ignore_cleanup_errors=True))
            with deaf(resource_tracker):
                local = LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0", local_directory=scratch,
                    silence_logs=logging.CRITICAL,
                )  # fmt: skip
            where = {"address": stack.enter_context(local)}
        else:
            where = {"scheduler_file": scheduler} if Path(scheduler).is_file() else {"address": scheduler}
        try:
            client = stack.enter_context(Client(**where, timeout=_PATIENCE))
            client.wait_for_workers(1, timeout=_PATIENCE)
        except (OSError, ValueError) as error:
            raise InputError("no_scheduler", address=scheduler or "-", fault=type(error).__name__) from None
        yield client
