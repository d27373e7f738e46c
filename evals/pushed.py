"""Which training rows push a run towards a wrong answer: gradients of the answers on the adapter's weights.

The second step of a trace, over the rows that the first one found near. It never says "cause": only training
again without the rows proves anything.

Source: first-order influence at the last checkpoint (TracIn; Pruthi et al. 2020) with cosines in place of dot
products, as in LESS (Xia et al. 2024). On planted wrong rows the two steps together found all of them among the
first eight; nearness alone a half, the loss of the rows none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation import chat, models
from curation.dialect import TemplateProblem
from curation.errors import BadInput
from curation.files import read_json
from curation.progress import SILENT, Progress
from curation.task import Task
from evals import generate, prompts, questions, trained
from evals.examples import Example

MOST = 40
"""Rows whose gradients are taken: half a second each for a model of 135 M on one core."""
_NO_LOSS = -100


def pushes(
    run: Path,
    task: Task,
    failure: Example,
    wrong: str,
    rows: Sequence[Example],
    *,
    progress: Progress = SILENT,
) -> dict[str, float]:
    """Row id → cosine of the row's gradient with the one from the wrong answer away from the expected one.

    Positive: a step on the row moves the adapter towards the wrong answer and away from the expected one. A row
    that the template refuses is left out.

    Args:
        run: folder of a finished run with an adapter.
        task: names the base model.
        failure: the row that was answered wrongly.
        wrong: the answer it got.
        rows: training rows, at most some dozens.
        progress: told row by row.

    Raises:
        BadInput: the run has no adapter, or was trained on another base.
        MissingModel: the base model is not here.
    """
    if not (run / "adapter").is_dir():
        raise BadInput(
            "Gradients are taken on an adapter, and this run has none.",
            where=run.name,
            hint="The near rows of the trace stand without them.",
        )
    place = models.resolve(task.model.name, task.model.revision, progress)
    trained_on = read_json(run / "manifest.json").get("model", {}).get("fingerprint")
    if trained_on not in (None, models.fingerprint(place)):
        raise BadInput("The run was trained on another base model than the task names now.", where=run.name)
    tokenizer = models.load_tokenizer(place, questions.template_of(run))
    system = trained.system_prompt(run, task)
    progress.stage(f"loading {place.name}")
    base = trained.weights_of(run).base.load(place, models.device("auto", "float32"))
    model: Any = generate.load_adapters(base, {"run": run / "adapter"})
    weights = [weight for name, weight in model.named_parameters() if "lora_" in name]
    for weight in weights:
        weight.requires_grad_(True)

    def gradient(row: Example, answer: str) -> Any:  # noqa: ANN401  a tensor
        turns = prompts.for_run(row.messages, system)
        asked = chat.prompt_ids(tokenizer, turns, row.tools)
        told = chat.render(tokenizer, [*turns, {"role": "assistant", "content": answer}], row.tools)[-1]
        labels = [*[_NO_LOSS] * len(asked), *told.labels[len(asked) :]]
        return _gradient(model, weights, told.input_ids, labels)

    progress.stage("Weighing rows by their gradients", len(rows) + 2)
    towards = gradient(failure, wrong)
    progress.advance()
    towards -= gradient(failure, failure.expected)
    progress.advance()
    found = {}
    for row in rows:
        try:
            own = gradient(row, row.expected)
        except TemplateProblem:
            continue
        finally:
            progress.advance()
        length = float(own.norm() * towards.norm())
        found[row.id] = float(own @ towards) / length if length else 0.0
    return found


def _gradient(model: Any, weights: Sequence[Any], ids: Sequence[int], labels: Sequence[int]) -> Any:  # noqa: ANN401
    """Of the mean loss on the labelled tokens, all weights in one vector; nothing is left behind on them."""
    import torch

    device = weights[0].device
    logits = model(input_ids=torch.tensor([list(ids)], device=device)).logits[0, :-1].float()
    targets = torch.tensor(list(labels)[1:], device=device)
    loss = torch.nn.functional.cross_entropy(logits, targets, ignore_index=_NO_LOSS)
    parts = torch.autograd.grad(loss, list(weights))
    return torch.cat([part.reshape(-1).float() for part in parts])
