"""Model files are found by a bounded look, and their headers read without running anything."""

from __future__ import annotations

import json
import os
import pickle
import struct
import time
from pathlib import Path

import pytest

from mlops_cli.follow import models


def test_only_new_files_with_a_models_suffix_are_found(tmp_path: Path) -> None:
    old, new, other = tmp_path / "old.pt", tmp_path / "deep" / "new.safetensors", tmp_path / "notes.txt"
    new.parent.mkdir()
    for path in (old, new, other):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    hidden = tmp_path / ".venv" / "x.pt"
    hidden.parent.mkdir()
    hidden.write_bytes(b"x")
    assert [found.path for found in models.look(tmp_path, since=time.time() - 60)] == [new]


def test_the_look_is_bounded(tmp_path: Path) -> None:
    for index in range(50):
        (tmp_path / f"{index}.pt").write_bytes(b"x")
    assert len(models.look(tmp_path, since=0, max_entries=10)) == 10


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.pt").symlink_to("/etc/passwd")
    assert models.look(tmp_path, since=0) == []


def test_a_safetensors_header_tells_its_tensors(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "m.safetensors"
    library.save_file(
        {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float16)}, str(path), metadata={"format": "np"}
    )
    assert models.peek(path) == {
        "tensors": 2,
        "parameters": 10,
        "dtypes": ["F16", "F32"],
        "metadata": {"format": "np"},
    }
    assert models.framework_of(path) == "safetensors"


def test_an_onnx_header_tells_its_producer(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    model = helper.make_model(graph, producer_name="test", opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "m.onnx"
    onnx.save(model, str(path))
    found = models.peek(path)
    assert found["producer"] == "test"
    assert found["opsets"] == {"ai.onnx": 17}


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 100, struct.pack("<Q", 2**60), struct.pack("<Q", 4) + b"nope", struct.pack("<Q", 2) + b"[]"],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".onnx", ".pt", ".keras"])
def test_a_broken_header_says_nothing(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    assert models.peek(path) in ({}, {"format": "pickle"})


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path}/boom",)

    path = tmp_path / "m.pt"
    path.write_bytes(pickle.dumps(Bomb()))
    assert models.peek(path) == {"format": "pickle"}
    assert not (tmp_path / "boom").exists()


def test_a_huge_shape_is_counted_without_allocating(tmp_path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 0]}}).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert models.peek(path)["parameters"] == 2**80


def test_an_hdf5_file_is_a_model_when_keras_wrote_it(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["pixels"] = list(range(1000))
        file.attrs["source"] = "a camera"
    # The parts that Keras gives a whole model, and weights alone.
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.attrs["keras_version"] = "3.8.0"
        file.attrs["model_config"] = "{}" * 20_000
        file.create_group("model_weights")["kernel"] = [1.0, 2.0]
    with h5py.File(tmp_path / "weights.hdf5", "w") as file:
        file["dense/kernel"] = [1.0, 2.0]
        file.attrs["keras_version"] = "2.15.0"
    assert sorted(found.path.name for found in models.look(tmp_path, since=0)) == ["weights.hdf5", "whole.h5"]
    assert models.framework_of(tmp_path / "whole.h5") == "Keras"
