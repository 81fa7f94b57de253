"""What another program sees of the training, through the SDK."""

import hashlib
import sys
from pathlib import Path

import numpy as np
from answer import answer
from clearml import Task
from clearml.storage import StorageManager

task = Task.get_task(task_id=sys.argv[1])


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


artifacts = {}
for key, artifact in task.artifacts.items():
    kept = {"type": artifact.type, "size": artifact.size, "hash": artifact.hash, "metadata": artifact.metadata}
    kept["uri"] = artifact.url
    if not artifact.url.startswith("https://"):
        kept["digest"] = digest(StorageManager.get_local_copy(artifact.url, extract_archive=False, force_download=True))
    artifacts[key] = kept

folder = Path(task.artifacts["folder"].get_local_copy())
models = task.get_models()
answer(
    status=task.get_status(),
    name=task.name,
    project=task.get_project_name(),
    comment=task.comment,
    tags=task.get_tags(),
    parameters=task.get_parameters(),
    cast={name: repr(value) for name, value in task.get_parameters(cast=True).items()},
    nested=task.get_parameters_as_dict(),
    properties=task.get_user_properties(value_only=True),
    configuration={
        "augment": task.get_configuration_object("augment"),
        "augment dict": task.get_configuration_object_as_dict("augment"),
        "net file": task.get_configuration_object("net file"),
    },
    labels=task.get_labels_enumeration(),
    last_iteration=task.get_last_iteration(),
    last_scalars=task.get_last_scalar_metrics(),
    scalars=task.get_reported_scalars(),
    thinned=task.get_reported_scalars(max_samples=5),
    single=task.get_reported_single_values(),
    single_one=task.get_reported_single_value("best"),
    plots=task.get_reported_plots(),
    images=task.get_debug_samples("picture", "noise"),
    image_sizes=[
        len(Path(StorageManager.get_local_copy(sample["url"])).read_bytes())
        for sample in task.get_debug_samples("picture", "noise")
    ],
    console=task.get_reported_console_output(number_of_reports=100),
    artifacts=artifacts,
    objects={
        "a dict": task.artifacts["a dict"].get() == {"b": 1, "a": [1, 2]},
        "frame": task.artifacts["frame"].get()["y"].tolist() == [0.5, 0.25, 0.125],
        "array": bool(np.array_equal(task.artifacts["array"].get(), np.arange(12, dtype=np.float32).reshape(3, 4))),
        "picture": task.artifacts["picture"].get().getpixel((0, 0)) == (7, 7, 7),
        "file %41 #1": Path(task.artifacts["file %41 #1"].get()).read_text() == "in a file",
        "pickled": task.artifacts["pickled"].get() == {1, 2, 3},
        "text": task.artifacts["text"].get() == "just a text",
        "folder": (folder / "sub" / "two.bin").read_bytes() == bytes(range(256)) * 4096
        and (folder / "one.txt").read_text() == "one",
    },
    models=[
        {
            "name": model.name,
            "id": model.id,
            "tags": model.tags,
            "framework": model.framework,
            "labels": model.labels,
            "config": model.config_text,
            "metadata": model.get_all_metadata(),
            "published": model.published,
            "url": model.url,
            "task": model.task,
            "weights": digest(model.get_weights(raise_on_error=True, force_download=True)),
        }
        for model in models["output"]
    ],
    script=task.data.script.to_dict(),
    requirements=task.get_requirements().get("pip", ""),
    progress=task.get_progress(),
    runtime=task._get_runtime_properties(),
    page=task.get_output_log_web_page(),
)
