"""The two lines: `import mlops_cli; run = mlops_cli.init()`, and the handle that they give."""

from .init import init
from .run import Run

__all__ = ["Run", "init"]
