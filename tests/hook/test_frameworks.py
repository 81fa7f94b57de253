"""Model files that real frameworks write: each is noted with its path, its framework and the call that wrote it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from .conftest import Child, Hooked
from .frameworks import need_module


def models(child: Child) -> list[tuple[str, str, str]]:
    assert child.code == 0, child.err
    assert child.err == "" or "mlops" not in child.err
    return [(Path(note["path"]).name, note["framework"], note["by"]) for note in child.of("model")]


def test_safetensors_of_every_flavour(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import numpy, safetensors, safetensors.numpy
from safetensors.numpy import save_file
save_file({"a": numpy.zeros(3)}, "a.safetensors")
safetensors.numpy.save_file({"a": numpy.zeros(3)}, filename="b.safetensors")
try: save_file({"a": numpy.zeros(3)}, "no/where.safetensors")
except Exception: print("refused")
"""
    child = hooked(script, python=need_module("safetensors", "numpy"))
    by = "safetensors.save_file"
    assert models(child) == [("a.safetensors", "safetensors", by), ("b.safetensors", "safetensors", by)]
    assert child.of("model")[0]["path"] == str(tmp_path / "work" / "a.safetensors")
    assert child.out == "refused\n"


def test_safetensors_of_torch(hooked: Hooked) -> None:
    script = "import torch; from safetensors.torch import save_file; save_file({'a': torch.zeros(3)}, 't.safetensors')"
    child = hooked(script, python=need_module("torch", "safetensors"))
    assert models(child) == [("t.safetensors", "safetensors", "safetensors.save_file")]


def test_hdf5_files_written_are_named_and_those_read_are_inputs(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import h5py, io
with h5py.File("w.h5", "w") as file: file["a"] = [1, 2]
with h5py.File("w.h5", mode="a") as file: file["b"] = [1, 2]
with h5py.File("w.h5") as file: assert list(file) == ["a", "b"]
with h5py.File(io.BytesIO(), "w") as file: file["a"] = 1
with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file: file["a"] = 1
import pathlib
with h5py.File(pathlib.Path("given.h5"), "r") as file: pass
"""
    python = need_module("h5py")
    hooked("import h5py; h5py.File('given.h5', 'w').close()", python=python)
    child = hooked(script, python=python)
    assert models(child) == []
    assert {Path(path).name for path in child.opened("w")} == {"w.h5"}
    assert str(tmp_path / "work" / "given.h5") in child.opened("r")


def test_torch_saves_by_each_of_its_three_ways(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import io, torch, warnings
warnings.simplefilter("ignore")
model = torch.nn.Linear(2, 1)
torch.save(model.state_dict(), "state.pt")
with open("named.pt", "wb") as file: torch.save(model.state_dict(), file)
torch.save(model.state_dict(), io.BytesIO())
torch.jit.script(model).save("script.pt")
torch.export.save(torch.export.export(model, (torch.zeros(1, 2),)), "program.pt2")
assert torch.load("state.pt").keys() == model.state_dict().keys()
"""
    child = hooked(script, python=need_module("torch"))
    assert models(child)[:3] == [
        ("state.pt", "PyTorch", "torch.save"),
        ("named.pt", "PyTorch", "torch.save"),
        ("script.pt", "PyTorch", "torch.jit.save"),
    ]
    assert models(child)[-1] == ("program.pt2", "PyTorch", "torch.export.save")


def test_scikit_learn_through_joblib_and_not_mere_arrays(hooked: Hooked) -> None:
    script = """
import joblib
from sklearn.linear_model import SGDClassifier
joblib.dump(SGDClassifier().fit([[0], [1]], [0, 1]), "model.joblib")
joblib.dump([1, 2, 3], "list.joblib")
assert joblib.load("model.joblib").predict([[1]]) is not None
"""
    child = hooked(script, python=need_module("sklearn", "joblib"))
    assert models(child) == [("model.joblib", "ScikitLearn", "joblib.dump")]
    # The audit hook sees both files all the same.
    assert {"model.joblib", "list.joblib"} <= {Path(path).name for path in child.opened("w")}


def test_xgboost_boosters_and_estimators(hooked: Hooked) -> None:
    script = """
import numpy, xgboost
data = xgboost.DMatrix(numpy.random.rand(20, 2), label=numpy.arange(20) % 2)
booster = xgboost.train({"nthread": 1}, data, 1)
booster.save_model("b.ubj")
booster.save_model(fname="b.json")
"""
    child = hooked(script, python=need_module("xgboost"))
    by = "xgboost.Booster.save_model"
    assert models(child) == [("b.ubj", "XGBoost", by), ("b.json", "XGBoost", by)]


def test_lightgbm_boosters(hooked: Hooked) -> None:
    script = """
import numpy, lightgbm
data = lightgbm.Dataset(numpy.random.rand(100, 2), numpy.arange(100) % 2)
lightgbm.train({"num_threads": 1, "verbose": -1}, data, 1).save_model("model.txt")
"""
    child = hooked(script, python=need_module("lightgbm"))
    assert models(child) == [("model.txt", "LightGBM", "lightgbm.Booster.save_model")]


def test_onnx_under_both_names(hooked: Hooked) -> None:
    script = """
import onnx, onnx.helper
model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
onnx.save(model, "a.onnx")
onnx.save_model(model, "b.onnx")
"""
    child = hooked(script, python=need_module("onnx"))
    assert models(child) == [("a.onnx", "ONNX", "onnx.save"), ("b.onnx", "ONNX", "onnx.save")]


@pytest.mark.slow
def test_tensorflow_and_keras(hooked: Hooked, tmp_path: Path) -> None:
    script = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.layers.Input((2,)), tf.keras.layers.Dense(1)])
model.save("m.keras")
model.save_weights("w.weights.h5")
tf.saved_model.save(model, "saved")
tf.train.Checkpoint(model=model).save("ckpt/c")
writer = tf.summary.create_file_writer("logs")
with writer.as_default(): tf.summary.write("a", tf.constant(1.0), step=0)
writer.close()
"""
    child = hooked(script, python=need_module("tensorflow"))
    assert child.code == 0, child.err
    found = {(Path(note["path"]).name, note["framework"]) for note in child.of("model")}
    assert {
        ("m.keras", "Keras"),
        ("w.weights.h5", "Keras"),
        ("saved", "TensorFlow"),
        ("c-1.index", "TensorFlow"),
    } <= found
    assert str(tmp_path / "work" / "logs") in [note["path"] for note in child.of("tensorboard")]


@pytest.mark.parametrize(
    ("modules", "line"),
    (
        (("tensorboardX",), "from tensorboardX import SummaryWriter"),
        (("torch", "tensorboard"), "from torch.utils.tensorboard import SummaryWriter"),
    ),
)
def test_tensorboard_writers_tell_their_event_file(
    modules: tuple[str, ...], line: str, hooked: Hooked, tmp_path: Path
) -> None:
    script = f"{line}\nwriter = SummaryWriter('logs')\nwriter.add_scalar('a', 1.0, 0)\nwriter.close()\n"
    child = hooked(textwrap.dedent(script), python=need_module(*modules))
    assert child.code == 0, child.err
    told = {note["path"] for note in child.of("tensorboard")}
    assert told == {str(path) for path in (tmp_path / "work" / "logs").iterdir()}
