"""The model card: what a run is, what it was trained on, and what was proven about it."""

from __future__ import annotations

from typing import Any

import yaml

from curation.files import read_json
from evals.verdict import Verdict
from training.manifest import Run


def text(run: Run, given: Verdict | None, *, serves: str, merged: bool, same: tuple[int, int] | None) -> str:
    """The card as Markdown with its header of metadata; nothing of any row is in it.

    Args:
        run: the run.
        given: its newest verdict.
        serves: how it is served.
        merged: whether the folder holds one merged model.
        same: answers of the merged model that stayed the same, of how many.
    """
    said, recipe = run.manifest, run.recipe
    full = recipe.tuning == "full"
    header: dict[str, Any] = {
        "base_model": said.model.name,
        "library_name": "transformers" if merged or full else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["touchstone", recipe.method, "full" if full else "lora"],
    }
    counts = read_json(run.version / "manifest.json")["counts"]
    left = f", {said.left_out:,} left out" if said.left_out else ""
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n",
        f"# {run.folder.name}: {said.model.name}, {recipe.method}\n",
        _verdict(given),
        "## Data\n",
        f"Version {run.version.name}, fingerprint `{said.version_fingerprint}`: {counts['train']:,} rows to train "
        f"on, {counts['validation']:,} for validation, {counts['test']:,} held out. {said.examples_trained:,} were "
        f"trained on{left}; {said.labelled_tokens:,} of {said.tokens:,} tokens carried loss. SHA-256 of the tokens: "
        f"`{said.digest}`.\n",
        "## Recipe\n",
        f"```yaml\n{yaml.safe_dump(recipe.model_dump(mode='json'), sort_keys=False)}```\n",
        "## Serving\n",
        f"{serves}\n",
        _asked(run),
    ]
    if same is not None:
        if recipe.quantization == "nf4":
            parts.append(
                "It was trained and judged on the base in 4 bits; merged it stands on the base as it is.\n"
            )
        parts.append(
            f"Merged into the base and asked {same[1]:,} validation rows again: {same[0]:,} answers are the same as "
            "the adapter's, whose answers were judged.\n"
        )
    packages = ", ".join(f"{name} {version}" for name, version in sorted(said.packages.items()))
    parts += ["## Made with\n", f"{packages}; {said.device}, {said.dtype}; seed {said.seed}.\n"]
    return "\n".join(parts)


def _verdict(given: Verdict | None) -> str:
    if given is None:
        return "No verdict has been given on this run: nothing is proven about it.\n"
    figures = given.closest.paired if given.closest else None
    rows = (
        f" {figures.n:,} held-out rows, version {given.version}, scored by {given.scorer}." if figures else ""
    )
    return f"**{given.headline}**\n\n{' '.join(given.sentences)}{rows}\n"


def _asked(run: Run) -> str:
    prompt = run.task.system_prompt
    if not prompt:
        return "It was trained without a system prompt of its own; the chat template is in this folder.\n"
    quoted = "\n".join(f"> {line}" for line in prompt.splitlines())
    return f"Ask it with the chat template of this folder and this system prompt, as it was trained:\n\n{quoted}\n"
