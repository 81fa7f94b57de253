"""Two generations of a dataset: made, added to, uploaded, finalised, changed, compared, fetched, listed, deleted."""

from pathlib import Path

from answer import answer
from clearml import Dataset

found = {}
data = Path("data")
data.mkdir()
(data / "a.csv").write_text("1,2\n")
(data / "b.csv").write_text("3,4\n" * 1000)
(data / "sub").mkdir()
(data / "sub" / "c.bin").write_bytes(bytes(256) * 1000)

first = Dataset.create(dataset_name="cats", dataset_project="pets", dataset_tags=["raw"], dataset_version="1.0.0")
first.add_files("data")
first.get_logger().report_scalar("files", "n", 3, 0)
first.set_metadata({"rows": 2}, metadata_name="about")
first.upload(show_progress=False)
first.finalize()

(data / "a.csv").write_text("1,2,changed\n")
(data / "d.csv").write_text("new\n")
second = Dataset.create(dataset_name="cats", dataset_project="pets", parent_datasets=[first.id], description="more")
second.sync_folder("data")
second.remove_files("b.csv")
found["added"] = sorted(second.list_added_files())
found["modified"] = sorted(second.list_modified_files())
found["removed"] = sorted(second.list_removed_files())
second.upload(show_progress=False)
second.finalize()
second.publish()

latest = Dataset.get(dataset_project="pets", dataset_name="cats")
old = Dataset.get(dataset_project="pets", dataset_name="cats", dataset_version="1.0.0")
found["ids"] = [first.id, second.id]
found["latest"] = [latest.id == second.id, latest.version, latest.is_final()]
found["old"] = [old.id == first.id, old.version, sorted(old.tags)]
found["files"] = [sorted(old.list_files()), sorted(latest.list_files())]
copies = [Path(old.get_local_copy()), Path(latest.get_local_copy())]
found["contents"] = [
    {str(path.relative_to(copy)): path.read_bytes()[:12].decode() for path in sorted(copy.rglob("*.csv"))}
    for copy in copies
]
found["whole"] = (copies[1] / "sub" / "c.bin").read_bytes() == bytes(256) * 1000
found["verified"] = latest.verify_dataset_hash(local_copy_path=str(copies[1]))
found["metadata"] = old.get_metadata("about")
found["graph"] = latest.get_dependency_graph()
found["listed"] = [
    {key: item[key] for key in ("name", "project", "version")}
    for item in Dataset.list_datasets(dataset_project="pets", only_completed=True)
]
mutable = latest.get_mutable_local_copy("mutable")
found["mutable"] = sorted(path.name for path in Path(mutable).rglob("*") if path.is_file())

third = Dataset.create(dataset_name="dogs", dataset_project="pets")
third.add_external_files(f"file://{(data / 'd.csv').absolute()}")
third.add_files("data/a.csv")
third.upload(show_progress=False)
third.finalize()
Dataset.rename(new_dataset_name="hounds", dataset_project="pets", dataset_name="dogs")
Dataset.move_to_project(new_dataset_project="kennel", dataset_project="pets", dataset_name="cats")
found["moved"] = Dataset.get(dataset_project="kennel", dataset_name="cats").id == second.id
squashed = Dataset.squash("squashed", dataset_ids=[first.id, second.id])
found["squashed"] = sorted(squashed.list_files())
Dataset.delete(dataset_id=third.id, force=True)
found["names"] = sorted({item["name"] for item in Dataset.list_datasets()})
answer(**found)
