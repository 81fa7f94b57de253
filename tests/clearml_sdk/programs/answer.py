"""How a program under test tells what it found: one JSON document in the file that `ANSWER` names."""

import json
import os
from pathlib import Path


def answer(**found):
    Path(os.environ["ANSWER"]).write_text(json.dumps(found))
