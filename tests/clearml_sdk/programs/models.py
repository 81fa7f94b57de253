"""Input and output models: made, found by tags and metadata, connected, published, archived, removed."""

import hashlib
from pathlib import Path

from answer import answer
from clearml import InputModel, Model, OutputModel, Task

found = {}
task = Task.init("models/here", "makes models", output_uri=True)
Path("weights.bin").write_bytes(b"w" * 100_000)

first = OutputModel(task, name="first", framework="PyTorch", tags=["good", "small"], label_enumeration={"cat": 1})
first.update_design(config_text="layers = 3")
first.update_weights("weights.bin", iteration=5)
first.set_metadata("accuracy", "0.5", "float")
first.set_metadata("note", "kept", "str")

Path("a.txt").write_text("a")
Path("b.txt").write_text("b")
package = OutputModel(task, name="a package", tags=["good"])
package.update_weights_package(weights_filenames=["a.txt", "b.txt"])

brought = InputModel.import_model("https://example.invalid/resnet.onnx", name="brought", tags=["far"], framework="ONNX")
again = InputModel.import_model("https://example.invalid/resnet.onnx")
task.connect(brought, name="backbone")
brought.report_scalar("quality", "auc", 0.75, iteration=1)
brought.report_single_value("size", 10)
task.flush(wait_for_uploads=True)


def names(models):
    return sorted(model.name for model in models)


found["ids"] = {"task": task.id, "first": first.id, "package": package.id, "brought": brought.id}
found["same import"] = brought.id == again.id
loaded = InputModel(first.id)
found["loaded"] = {
    "name": loaded.name,
    "tags": loaded.tags,
    "labels": loaded.labels,
    "framework": loaded.framework,
    "config": loaded.config_text,
    "metadata": loaded.get_all_metadata(),
    "casted": loaded.get_metadata_casted("accuracy"),
    "digest": hashlib.sha256(Path(loaded.get_weights()).read_bytes()).hexdigest()
    == hashlib.sha256(b"w" * 100_000).hexdigest(),
    "task": loaded.original_task == task.id,
}
package_files = InputModel(package.id).get_weights_package(return_path=False)
found["package"] = sorted(Path(name).read_text() for name in package_files)
by = {
    "project": Model.query_models(project_name="models/here"),
    "name": Model.query_models(model_name="first"),
    "tags": Model.query_models(tags=["good"]),
    "all tags": Model.query_models(tags=["__$all", "good", "small"]),
    "not tags": Model.query_models(tags=["-far"]),
    "metadata": Model.query_models(metadata={"accuracy": "0.5"}),
    "other metadata": Model.query_models(metadata={"accuracy": "0.6"}),
    "published": Model.query_models(only_published=True),
}
found["by"] = {how: names(models) for how, models in by.items()}
first.publish()
found["published"] = [InputModel(first.id).published, names(Model.query_models(only_published=True))]
first.tags = ["best"]
found["retagged"] = InputModel(first.id).tags
package.archive()
found["archived"] = names(Model.query_models(project_name="models/here"))
found["with archived"] = names(Model.query_models(project_name="models/here", include_archived=True))
package.unarchive()
url = package.url
found["removed"] = Model.remove(package.id, delete_weights_file=True)
found["left"] = names(Model.query_models(project_name="models/here"))
found["removed url"] = url
shown = Task.get_task(task.id).get_models()
found["of task"] = {"input": names(shown["input"]), "output": names(shown["output"])}
answer(**found)
task.close()
