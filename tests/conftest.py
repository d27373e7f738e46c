"""What several test files share: five chat-template families with small tokenizers, the packaged model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# no test may fail because the machine is busy
settings.register_profile("touchstone", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("touchstone")

TEMPLATES = Path(__file__).parent / "templates"
CORPUS = [
    "You are a helpful assistant. What is the capital of France?\n\nThe capital of France is Paris.\n\n",
    'Cancel my order 4412, please.\n{"intent": "cancel", "order": 4412}\n\n\nThank you very much!',
    "system user assistant model tool function name arguments answer question\n\n\n\n",
]


# how Llama-3 and Qwen cut text: a run of newlines stays together
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


class Family(NamedTuple):
    """How one family writes its control tokens."""

    bos: str | None
    eos: str
    turn_end: str
    specials: tuple[str, ...]
    words: tuple[str, ...] = ()
    sentencepiece: bool = False


FAMILIES = {
    "chatml": Family(None, "<|im_end|>", "<|im_end|>", ("<|im_start|>", "<|im_end|>")),
    "llama3": Family(
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "qwen3": Family(
        None,
        "<|im_end|>",
        "<|im_end|>",
        ("<|im_start|>", "<|im_end|>"),
        ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    ),
    "gemma": Family(
        "<bos>", "<eos>", "<end_of_turn>", ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"), (), True
    ),
    "mistral": Family(
        "<s>",
        "</s>",
        "</s>",
        (
            "<s>",
            "</s>",
            "[INST]",
            "[/INST]",
            "[AVAILABLE_TOOLS]",
            "[/AVAILABLE_TOOLS]",
            "[TOOL_CALLS]",
            "[TOOL_RESULTS]",
            "[/TOOL_RESULTS]",
        ),
        (),
        True,
    ),
}


def small_tokenizer(name: str) -> Any:
    """A tokenizer of a few hundred tokens with the family's control tokens and chat template."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    family = FAMILIES[name]
    raw = Tokenizer(models.BPE())
    alphabet = [] if family.sentencepiece else pre_tokenizers.ByteLevel.alphabet()
    if name == "gemma":
        raw.normalizer = normalizers.Replace(" ", "▁")
        raw.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    elif family.sentencepiece:
        raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        cut = pre_tokenizers.Split(Regex(WORDS), "isolated")
        raw.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(False, use_regex=False)])
    raw.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=420, initial_alphabet=alphabet, show_progress=False)
    )
    if family.sentencepiece:
        model = json.loads(raw.to_str())["model"]
        vocab = dict(model["vocab"])
        for byte in range(256):
            vocab[f"<0x{byte:02X}>"] = len(vocab)
        raw.model = models.BPE(
            vocab, [tuple(merge) for merge in model["merges"]], byte_fallback=True, fuse_unk=True
        )
        strip = [decoders.Strip(" ", 1, 0)] if name == "mistral" else []
        raw.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
        )
    else:
        raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in family.specials])
    raw.add_tokens([AddedToken(word, special=False, normalized=False) for word in family.words])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=family.bos, eos_token=family.eos, pad_token=family.eos
    )
    tokenizer.chat_template = (TEMPLATES / f"{name}.jinja").read_text("utf-8")
    return tokenizer


@pytest.fixture(scope="session")
def families() -> dict[str, Any]:
    """The five families, each with its tokenizer."""
    return {name: small_tokenizer(name) for name in FAMILIES}


class Loaded(NamedTuple):
    """The packaged model, ready to be asked."""

    path: Path
    tokenizer: Any
    model: Any


@pytest.fixture(scope="session")
def packaged_model() -> Loaded:
    """SmolLM2-135M-Instruct in float32 on the CPU (converted once into the cache folder: half a minute)."""
    from curation import models

    place = models.resolve("smollm2-135m-instruct")
    return Loaded(place.path, models.load_tokenizer(place), models.load_model(place, models.device("cpu")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The demo takes longest: it begins first, so that two workers end together."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")
