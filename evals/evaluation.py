"""The evaluation folder: candidates × rows × scorers, all of it in files.

Everything that decides is frozen in evaluation.yaml before the first answer; scores and summary are
computed from stored answers alone, so that anyone with the folder can compute them again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from curation import events, jobs, models
from curation import task as tasks
from curation.errors import BadInput, BadUsage, NotReady
from curation.files import canonical_json, read_json, sha256, sha256_file, write_atomic
from curation.project import Project
from curation.task import Task
from curation.work import Work
from evals import admission, answers, documents, examples
from evals import scorers as known_scorers
from evals.admission import GIVEN
from evals.scorers import own_code
from evals.scoring import rescore
from evals.spec import TEMPLATE, Evaluation, Split, load, save, version_of

__all__ = [
    "Evaluation",
    "baseline_for",
    "create",
    "find_done",
    "load",
    "newest_on_test",
    "rescore",
    "resolve_scorers",
    "run",
    "version_of",
]


def create(
    project: Project,
    version: Path,
    task: Task,
    *,
    candidates: Sequence[str],
    split: Split = "validation",
    scorers: Sequence[str] | None = None,
    after: Sequence[Path] = (),
    limit: int | None = None,
    max_cost: float | None = None,
) -> Path:
    """Make the job folder of an evaluation; `jobs.start` runs it.

    Args:
        project: where the folder goes.
        version: folder of the frozen version.
        task: copied in as it is now.
        candidates: SPEC strings.
        split: the working split, or the sealed one for a verdict.
        scorers: names, the first one is primary; without it those of the task's kind.
        after: job folders that must be done first (a run that is a candidate, say).
        limit: at most so many rows, always the same ones.
        max_cost: the most that answers at endpoints may cost, in the currency of the task's prices.

    Raises:
        BadUsage: an unknown candidate or scorer, a limit below 1, a candidate this task cannot have.
        NotReady: a run that has not finished, or a split without a row.
        BadInput: a file of answers with bad lines, or a version that cannot be read.
    """
    if limit is not None and limit < 1:
        raise BadUsage(f"The limit must be at least 1 row, got {limit}.")
    chosen = admission.named(candidates, project)
    named = resolve_scorers(task, scorers)
    manifest = read_json(version / "manifest.json")
    calls = any(name.partition(":")[0] == "tool_call" for name in named)
    rows, skipped = examples.of_split(version, split, calls=calls)
    rows = examples.sample(rows, limit)
    if not rows:
        raise NotReady(
            f"The {split} split has no row with an expected answer"
            + (f" in words: its {skipped} rows end in something else." if skipped else "."),
            where=version.name,
            hint="Where the answers are tool calls: --scorer tool_call."
            if skipped and not calls
            else "Split with a larger share and freeze again.",
        )
    train, _ = examples.of_split(version, "train", calls=calls)
    for one in chosen:
        admission.check(one, project, task, rows, train, after)
    admission.afford(chosen, task, rows, train, max_cost)
    passages = admission.passages_for(chosen, project, task)
    sources = _sources(project, named)
    folder = jobs.new_folder(project.evals, "e")
    stored = [admission.copied(one, folder) for one in chosen]
    if passages is not None:
        documents.keep(folder, passages)
    for path in sources.values():
        (folder / GIVEN).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / GIVEN / path.name)
    template = _template(task)
    if template is not None:
        write_atomic(folder / TEMPLATE, template)
    write_atomic(folder / "examples.parquet", examples.to_bytes(rows))
    made = Evaluation(
        version=os.path.relpath(version.resolve(), folder.resolve()), fingerprint=manifest["fingerprint"],
        split=split, limit=limit, rows=len(rows), without_answer=skipped,
        candidates=[one.spec for one in stored],
        contents=admission.contents_of(chosen, task, passages) | _hashes(sources),
        primary=named[0], scorers=named, seed=0, task=task, asked=asked_by(task),
        audit=manifest.get("audit"), created=events.now(), max_cost=max_cost,
    )  # fmt: skip
    save(folder, made)
    jobs.create(folder, "evals", after=tuple(after))
    return folder


def run(folder: Path, work: Work) -> None:
    """Answer, score, sum up: the body of the job. What earlier tries finished is not done again."""
    from evals import answering

    evaluation = load(folder)
    files = answers.AnswerFiles(folder)
    answering.answer_all(folder, evaluation, files, work)
    files.merge(evaluation.names)
    rescore(folder)
    work.finish({"rows": evaluation.rows, "primary": evaluation.primary, "candidates": evaluation.names})


def find_done(
    project: Project,
    version: Path,
    split: Split,
    candidates: Sequence[str],
    scorers: Sequence[str] | None = None,
) -> Path | None:
    """The newest finished evaluation of exactly these candidates on all rows of this split.

    It counts only while the task still asks the same questions in the same way, and while files named by
    candidates still say the same.
    """
    wanted = admission.named(candidates, project)
    task = tasks.load(project.task_path) if project.task_path.is_file() else Task()
    contents = admission.contents_of(wanted, task, admission.passages_for(wanted, project, task))
    for folder, made in _of_version(project, version):
        named = resolve_scorers(made.task, scorers)
        here = contents | _hashes(_sources(project, named))
        same = set(made.names) == {one.name for one in wanted} and made.contents == here
        if same and made.split == split and made.limit is None and made.scorers == named and _done(folder):
            return folder
    return None


def baseline_for(project: Project, version: Path) -> Path | None:
    """An evaluation of `prompt` on this version that is done, else one that is still at work."""
    found = [folder for folder, made in _of_version(project, version) if "prompt" in made.names]
    return next(filter(_done, found), None) or next(filter(_alive, found), None)


def newest_on_test(project: Project, version: Path, names: Sequence[str]) -> Path | None:
    """The newest finished evaluation on all test rows that holds every one of these candidates.

    What it may not lose was frozen with it: after a change of guardrails an older one does not count.
    """
    now = tasks.load(project.task_path) if project.task_path.is_file() else None
    for folder, made in _of_version(project, version):
        whole = made.split == "test" and made.limit is None
        if now and (made.task.guardrails, made.task.must_pass) != (now.guardrails, now.must_pass):
            continue
        if whole and set(names) <= set(made.names) and _done(folder):
            return folder
    return None


def resolve_scorers(task: Task, names: Sequence[str] | None) -> list[str]:
    """The scorers of an evaluation, primary first: those named, else the primary and those of the kind.

    The scorers of the task's guardrails come last.

    Raises:
        BadUsage: a scorer that does not exist, a primary one that only diagnoses, or code of one's own that
            nobody named.
    """
    wanted = list(names) if names else [task.primary_scorer, *task.traits.scorers]
    wanted += [rail.scorer for rail in task.guardrails if rail.scorer]
    found = [known_scorers.get(name) for name in dict.fromkeys(wanted)]
    if found[0].diagnostic:
        raise BadUsage(
            f"The scorer {found[0].name!r} is shown beside others and never decides.",
            hint="Name another one first.",
        )
    own = next((one.name for one in found if one.name.startswith(own_code.PREFIX)), None)
    if own and own not in (names or ()):
        raise BadUsage(
            f"The task names {own!r}, which is code; it runs only where you name it yourself.",
            hint=f"Give it with the command: --scorer {own}",
        )
    return [one.name for one in found]


def asked_by(task: Task) -> str:
    """Fingerprint of what answers and scores depend on in a task; thresholds and slices are not in it."""
    kept = task.model_dump(
        mode="json",
        include={
            "kind",
            "model",
            "system_prompt",
            "labels",
            "output_schema",
            "parse",
            "embedder",
            "max_new_tokens",
        },
    )
    template = _template(task)
    kept |= {"baseline": task.system_for_baseline(), "template": sha256(template) if template else None}
    return sha256(canonical_json(kept))


def _sources(project: Project, named: Sequence[str]) -> dict[str, Path]:
    """The files of a person's own scorers, which must lie in the project's folder."""
    found = {}
    for name in named:
        if name.startswith(own_code.PREFIX):
            file, function = own_code.named(name.removeprefix(own_code.PREFIX))
            path = project.folder / file
            if not path.is_file() or not path.resolve().is_relative_to(project.folder.resolve()):
                raise BadInput("There is no such file in the project's folder.", where=str(path))
            if f"def {function}" not in path.read_text("utf-8", errors="replace"):
                raise BadInput(f"The file defines no function {function!r}.", where=str(path))
            found[name] = path
    if len({path.name for path in found.values()}) < len(set(found.values())):
        raise BadUsage("Two scorers are in files of the same name.", hint="Rename one of them.")
    return found


def _hashes(sources: dict[str, Path]) -> dict[str, str]:
    return {name: sha256_file(path) for name, path in sources.items()}


def _template(task: Task) -> bytes | None:
    """The chat template the task puts in place of the model's own."""
    if not task.model.template:
        return None
    try:
        return models.template_file(task.model.template).read_bytes()
    except OSError as error:
        raise BadInput(f"The chat template cannot be read: {error}", where=task.model.template) from error


def _of_version(project: Project, version: Path) -> list[tuple[Path, Evaluation]]:
    """The evaluations of this version under the task as it is now, newest first."""
    fingerprint = read_json(version / "manifest.json")["fingerprint"]
    asked = asked_by(tasks.load(project.task_path)) if project.task_path.is_file() else None
    found = []
    for folder in reversed(jobs.all_jobs(project.evals)):
        try:
            made = load(folder)
        except BadInput:
            continue
        if made.fingerprint == fingerprint and made.asked == (asked or made.asked):
            found.append((folder, made))
    return found


def _done(folder: Path) -> bool:
    return jobs.state(folder).state == "done"


def _alive(folder: Path) -> bool:
    """Whether a process works on it or waits for its turn; one that nobody started does not count."""
    status = jobs.state(folder)
    return not status.ended and not (status.state == "queued" and status.pid is None)
