"""Every environment variable that we read or set, declared once."""

from __future__ import annotations

HOME = "MLOPS_HOME"
"""Moves everything of ours (store, runs, files, configuration, cache) into one folder."""

SERVER = "MLOPS_SERVER"
PROJECT = "MLOPS_PROJECT"
CONTEXT = "MLOPS_CONTEXT"
CONFIG = "MLOPS_CONFIG"
"""The user's configuration file, instead of the one in the configuration folder."""
PAGER = "MLOPS_PAGER"
COLOR = "MLOPS_COLOR"
SECRETS = "MLOPS_SECRETS"
DEBUG = "MLOPS_DEBUG"

RUN_ID = "MLOPS_RUN_ID"
"""Set in the child: the run that this process belongs to (32 hex)."""

RUN_DIR = "MLOPS_RUN_DIR"
"""Set in the child: the run folder, where the hook and the sdk append their records."""

HOOK = "MLOPS_HOOK"
"""`off`, or taps to leave out, comma-separated and each with a minus: `-argparse,-files`."""

TAPS = "MLOPS_TAPS"
"""Tap files of plug-ins for the hook, or folders of them, separated like PATH."""

CLEARML_SERVERS = ("CLEARML_API_HOST", "TRAINS_API_HOST")
"""Where an existing set-up names its API server."""

CLEARML_FILES = ("CLEARML_FILES_HOST", "TRAINS_FILES_HOST")
CLEARML_WEB = ("CLEARML_WEB_HOST", "TRAINS_WEB_HOST")
CLEARML_VERIFY = ("CLEARML_API_HOST_VERIFY_CERT", "TRAINS_API_HOST_VERIFY_CERT")
CLEARML_CONFIGS = ("CLEARML_CONFIG_FILE", "TRAINS_CONFIG_FILE")

ACCESS_KEYS = ("MLOPS_ACCESS_KEY", "CLEARML_API_ACCESS_KEY", "TRAINS_API_ACCESS_KEY")
SECRET_KEYS = ("MLOPS_SECRET_KEY", "CLEARML_API_SECRET_KEY", "TRAINS_API_SECRET_KEY")
TOKENS = ("MLOPS_TOKEN", "CLEARML_AUTH_TOKEN", "TRAINS_AUTH_TOKEN")
"""Credentials from the environment: they are no settings, so that no list of settings ever shows them."""
