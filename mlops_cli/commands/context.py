"""What a command is given: the settings, the output, the client made on first use, and how much to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..render.output import Output

if TYPE_CHECKING:
    from ..client.api import Api
    from ..config.settings import Settings


class Context:
    """The outside world as one object that tests can replace; nothing else lives here, ever.

    A plain class: building a dataclass costs every command a millisecond.
    """

    __slots__ = ("_api", "_settings", "debug", "name", "no_input", "output", "project", "user")

    def __init__(self, output: Output | None = None) -> None:
        self.output = output or Output()
        self.debug = False
        self.no_input = False
        self.user = "me"
        self.name = ""
        self.project = ""
        self._settings: Settings | None = None
        self._api: Api | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            from ..config.settings import load_settings

            found = self._settings = load_settings({"project": self.project or None, "context": self.name or None})
            for warning in found.warnings:
                self.output.warn(warning)
            if self.output.color == "auto":
                self.output.color = found.color
            self.output.pager_command = found.pager
            self.debug |= found.debug
        return self._settings

    @property
    def api(self) -> Api:
        if self._api is None:
            from ..client.connect import connect

            self._api = connect(self.settings)
            self._settle()
        return self._api

    def _settle(self) -> None:
        """Look after what dead supervisors left; one directory listing when they left nothing."""
        self.prune()
        if self.settings.server is not None:
            return
        try:
            if not any((self.settings.paths.runs / "live").iterdir()):
                return
        except OSError:
            return
        from ..client.connect import connect
        from ..supervisor.settle import settle

        # A run that was meant for a server waits for `sync`: its server may be far, or away.
        for run, why in settle(self.settings.paths, lambda: connect(self.settings), wanted=self._is_here).left:
            self.output.detail(f"run {run[:8]} is not wholly sent: {why}")

    def _is_here(self, run: str) -> bool:
        from ..spool.folder import RunFolder
        from ..supervisor.settle import meant_for

        return meant_for(RunFolder.open(self.settings.paths.runs / run)) in ("", "embedded")

    def prune(self) -> None:
        """Once a day, let go of the folders of runs that are long since in the store; a look at one file else."""
        from ..supervisor.pruning import is_due, prune

        if is_due(self.settings.paths):
            days, size = self.settings["runs.keep_days"], self.settings["runs.keep_bytes"]
            prune(self.settings.paths, keep_days=days, keep_bytes=size)

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None
