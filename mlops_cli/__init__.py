"""Experiments from the terminal: `import mlops_cli; run = mlops_cli.init()`.

Importing this package loads nothing but this file; names resolve on first use (PEP 562), so that neither a framework
nor our own tools burden a training process.
"""

__version__ = "0.1.0"

__all__ = ["Run", "__version__", "init"]


def __getattr__(name: str) -> object:
    if name in ("init", "Run"):
        from . import sdk  # noqa: PLC0415

        return getattr(sdk, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
