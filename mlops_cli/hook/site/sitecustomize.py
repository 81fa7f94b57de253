"""First on the PYTHONPATH under `mlops run`: steps aside for the person's own sitecustomize, then starts the hook.

Parses on any Python, and below 3.8 does nothing but step aside. The environment is left alone, so grandchildren find
the hook too.
"""

import os
import sys


def _step_aside(folder):
    # type: (str) -> None
    """Run the person's own sitecustomize as if we had not been here; its errors are its own."""
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    sys.path_importer_cache.pop(folder, None)
    # The import system wants some module of this name when we are done: theirs, else this one.
    ours = sys.modules.pop("sitecustomize", None)
    # Python 2 empties a module that nobody refers to, this one in the midst of running; so it refers to itself.
    globals()["_itself"] = ours
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)


def _start(folder):
    # type: (str) -> None
    """Load the hook by its path, as a package with a private name that needs no place on sys.path."""
    run_dir = os.environ.get("MLOPS_RUN_DIR")
    # Already there: the second of two nested runs of different versions.
    if sys.version_info < (3, 8) or not run_dir or "_mlops_hook" in sys.modules:
        return
    switches = os.environ.get("MLOPS_HOOK", "")
    if switches.strip().lower() == "off" or not os.path.isdir(run_dir):
        return
    try:
        from _frozen_importlib import ModuleSpec

        package = type(sys)("_mlops_hook")
        package.__spec__ = ModuleSpec("_mlops_hook", None, is_package=True)
        package.__path__ = package.__spec__.submodule_search_locations = [os.path.dirname(folder)]
        sys.modules["_mlops_hook"] = package
        from _mlops_hook import start  # type: ignore[import-not-found]

        start.begin(run_dir, switches)
    except Exception as error:
        if sys.stderr is not None:
            sys.stderr.write("mlops: the hook could not start: %s: %s\n" % (type(error).__name__, error))


_folder = os.path.dirname(os.path.abspath(__file__))
try:
    _step_aside(_folder)
finally:
    _start(_folder)
