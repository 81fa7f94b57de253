"""A whole training as users of the SDK write it: parameters, metrics, plots, images, console, artifacts, models."""

import argparse
import logging
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from answer import answer
from clearml import OutputModel, Task
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1, help="step size")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--name", default="training")
parser.add_argument("--verbose", action="store_true")
parser.add_argument("--nothing", default=None)

task = Task.init("vision/digits", "training", tags=["zeta", "alpha"], output_uri=True)
args = parser.parse_args()
task.set_comment("made by the SDK")

net = {"layers": [3, 5], "dropout": 0.5, "nested": {"deep": {"er": "x"}}, "odd.name$": "ümläut", "none": None}
task.connect(net, name="Net")


class Options:
    batch = 32
    shuffle = True


task.connect(Options)
task.connect_configuration({"flip": True, "angle": 15}, name="augment")
Path("net.yaml").write_text("backbone: resnet\nheads: [a, b]\n")
task.connect_configuration("net.yaml", name="net file", description="as it was read")
task.connect_label_enumeration({"cat": 1, "dog": 2})
task.set_user_properties(stage="dev", owner={"value": "me", "type": "str", "description": "who"})

logger = task.get_logger()
for step in range(args.epochs * 10):
    logger.report_scalar("loss", "train", 1.0 / (1 + step * args.lr), step)
    logger.report_scalar("loss", "val", 1.5 / (1 + step * args.lr), step)
for epoch in range(args.epochs):
    logger.report_scalar("accuracy", "val", 0.5 + epoch * args.lr, epoch)
logger.report_single_value("best", 0.75)
logger.report_scalar("odd", "nan", float("nan"), 0)

rng = np.random.default_rng(0)
logger.report_histogram("hist", "weights", rng.normal(size=50), iteration=1, xaxis="w", yaxis="n")
logger.report_vector("vector", "v", [1, 2, 3], iteration=1)
logger.report_table("table", "t", iteration=1, table_plot=pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
logger.report_confusion_matrix("confusion", "c", [[5, 1], [2, 7]], iteration=2, xlabels=["cat", "dog"])
logger.report_surface("surface", "s", rng.normal(size=(4, 4)), iteration=1)
logger.report_scatter2d("scatter", "two", [[0, 1], [1, 4]], iteration=1, mode="markers")
logger.report_scatter3d("scatter", "three", [[0, 1, 2], [1, 4, 8]], iteration=1)
logger.report_line_plot("lines", [{"name": "l", "data": [[0, 1], [1, 4]]}], "x", "y", iteration=0)
logger.report_plotly("plotly", "own", {"data": [{"type": "bar", "y": [3, None]}], "layout": {"title": "t"}}, 1)
figure = plt.figure()
plt.plot([1, 2], [3, 4])
logger.report_matplotlib_figure("matplotlib", "curve", figure, iteration=1)
plt.close(figure)
for step in range(3):
    logger.report_image("picture", "noise", step, image=rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
Path("page.html").write_text("<b>hello</b>")
logger.report_media("media", "page", 1, local_path="page.html")

print("to stdout, with ünïcode")
print("to stderr", file=sys.stderr)
logger.report_text("by the logger", level=logging.WARNING)
logging.getLogger("mine").warning("by logging")

frame = pd.DataFrame({"x": [1, 2, 3], "y": [0.5, 0.25, 0.125]})
array = np.arange(12, dtype=np.float32).reshape(3, 4)
picture = Image.fromarray(np.full((8, 8, 3), 7, dtype=np.uint8))
folder = Path("folder")
(folder / "sub").mkdir(parents=True)
(folder / "one.txt").write_text("one")
(folder / "sub" / "two.bin").write_bytes(bytes(range(256)) * 4096)
Path("a file.txt").write_text("in a file")
task.upload_artifact("a dict", {"b": 1, "a": [1, 2]}, metadata={"who": "me"})
task.upload_artifact("frame", frame)
task.upload_artifact("array", array)
task.upload_artifact("picture", picture)
task.upload_artifact("folder", str(folder))
task.upload_artifact("file %41 #1", "a file.txt")
task.upload_artifact("pickled", {1, 2, 3}, auto_pickle=True)
task.upload_artifact("text", "just a text")
task.upload_artifact("link", "https://example.invalid/far.bin")

own = OutputModel(task, name="own model", framework="ScikitLearn", tags=["mt"], config_dict={"depth": 2})
Path("own.bin").write_bytes(b"weights" * 1000)
own.update_weights("own.bin", iteration=7)
own.set_metadata("accuracy", "0.5", "float")
task.flush(wait_for_uploads=True)
answer(task=task.id, model=own.id, params=task.get_parameters(cast=True))
task.close()
