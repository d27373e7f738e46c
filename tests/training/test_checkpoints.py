"""Only a complete checkpoint is resumed from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from training import checkpoints


def saved(root: Path, step: int) -> Path:
    """A checkpoint as the trainer leaves it, with one tensor of four bytes."""
    folder = root / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    header = json.dumps({"lora_B": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "adapter_model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    for name in checkpoints.STATES:
        with zipfile.ZipFile(folder / name, "w") as file:
            file.writestr("data", "x" * 100)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


def test_the_newest_complete_checkpoint_is_found(tmp_path: Path):
    assert checkpoints.newest(tmp_path) is None
    for step in (2, 10, 4):
        saved(tmp_path, step)
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 10


@pytest.mark.parametrize("name", [*checkpoints.STATES, "adapter_model.safetensors", "trainer_state.json"])
@pytest.mark.parametrize("how", ["missing", "empty", "cut"])
def test_a_checkpoint_with_any_file_missing_or_cut_off_is_passed_over_and_cleared(
    tmp_path: Path, name: str, how: str
):
    saved(tmp_path, 4)
    path = saved(tmp_path, 6) / name
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: 0 if how == "empty" else -3])
    assert checkpoints.what_is_wrong(path.parent)
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 4
    checkpoints.clear_incomplete(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["checkpoint-4"]


def test_a_checkpoint_under_another_step_s_name_is_not_trusted(tmp_path: Path):
    saved(tmp_path, 4).rename(tmp_path / "checkpoint-9")
    assert "step 4" in checkpoints.what_is_wrong(tmp_path / "checkpoint-9")
    assert checkpoints.newest(tmp_path) is None
