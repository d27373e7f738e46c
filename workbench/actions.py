"""What comes next in the loop, and the pieces of work that buttons begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curation import checks, gauges, importing, jobs, label_errors, meaning, splits, versions
from curation import map as maps
from curation.dedup import run as dedup
from curation.errors import NotReady, TouchstoneError
from curation.importing import ImportReport
from curation.progress import Progress
from curation.project import Project
from curation.revisions import Choice
from curation.splits import SplitReport
from curation.store import Store
from curation.task import DEFAULT_EMBEDDER, Task
from curation.versions import Version
from evals import evaluation
from training import publish as publishing
from training import runs
from training.publish import Published
from training.recipe import Recipe
from workbench import chores, measured, state
from workbench.standing import Standing
from workbench.widgets.figures import counted
from workbench.widgets.filter_bar import ANY_FLAG


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: a sentence, the one button, where it leads or what it starts."""

    sentence: str
    button: str
    page: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    work: Callable[[Store], object] | None = None
    other: tuple[str, str] | None = None


def next_step(now: Standing) -> Step:
    """The first unfinished step of the loop."""
    counts = now.counts
    if not counts.examples:
        return Step(
            "No examples yet. Begin with a file of chats.",
            "Import a file",
            "import",
            other=("import", "Or have a report card of a file or two first"),
        )
    if now.task is None:
        return Step(
            "The task has mistakes. Nothing can be checked or trained before they are mended.",
            "Mend the task",
            "settings",
        )
    if now.task.guessed:
        return Step(
            "The task was guessed from the data. Look at it once: everything after this relies on it.",
            "Look at the task",
            "import",
        )
    if counts.unchecked:
        return Step(
            f"Not checked yet: {counted(counts.unchecked, 'example')}.", "Run the checks", work=run_checks
        )
    if now.version is None:
        return _before_freezing(now)
    return _after_freezing(now, now.version)


def _before_freezing(now: Standing) -> Step:
    counts = now.counts
    on = ("splits", "Go on to the splits")
    if counts.blocked:
        return Step(
            f"{counted(counts.blocked, 'example')} must be mended or dropped before training.",
            "Review them",
            "review",
            {"flag": ANY_FLAG, "decision": "undecided"},
            other=on,
        )
    if counts.flagged and counts.flagged <= counts.undecided:
        return Step(
            f"Look at {counted(counts.flagged, 'example')} with a flag before the held-out set is frozen.",
            "Review them",
            "review",
            {"flag": ANY_FLAG, "decision": "undecided"},
            other=on,
        )
    if counts.unassigned:
        return Step(
            "There is no held-out set yet. Without one nothing can be proved.", "Build the splits", "splits"
        )
    return Step(
        "The splits are made. Freeze them, so that every number rests on the same rows.",
        "Freeze a version",
        "splits",
    )


def _after_freezing(now: Standing, version: Version) -> Step:
    project = state.project()
    if not version.manifest.audit.clean:
        return Step(
            f"{version.name} leaks: {version.manifest.audit.pairs:,} pairs of rows stand in two splits.",
            "See the pairs",
            "splits",
            {"version": version.name},
        )
    baseline = evaluation.baseline_for(project, version.folder)
    if baseline is None:
        return Step(
            "The baseline is not measured yet. Ask the untrained model first: that is what a fine-tune must beat.",
            "Measure the baseline",
            work=lambda store: measure(store, version, baseline_candidates(now.task)),
        )
    if any(one.folder.parent.name == "runs" for one in now.at_work):
        return Step("A run is training.", "Watch it", "train")
    if not now.runs:
        return Step("The baseline stands. Train a model against it.", "Set up a run", "train")
    fresh = measured.unmeasured_run(project)
    if fresh:
        return Step(
            f"{fresh} has finished and is not measured yet.",
            f"Measure {fresh}",
            work=lambda store: measure(store, version, [*baseline_candidates(now.task), f"run:{fresh}"]),
        )
    if not now.verdicts:
        return Step(
            "Candidates are measured on validation. Ask for the verdict on the sealed test set.",
            "Go to the verdict",
            "verdict",
        )
    if now.changed:
        return Step(
            f"{counted(now.changed, 'example')} changed since {version.name}. Freeze a new version and train on it.",
            "Freeze a new version",
            "splits",
        )
    return Step(
        "The loop is closed. Read the failures, mend the rows behind them, and go round again.",
        "Read the failures",
        "evals",
    )


def baseline_candidates(task: Task | None) -> list[str]:
    """The plain prompt and the cheap candidates this kind of task can have."""
    return ["prompt", *(task.traits.cheap_baselines if task else ())]


def import_paths(
    store: Store,
    files: Sequence[Path],
    *,
    form: str,
    mappings: Mapping[Path, Mapping[str, str]],
    changed: Choice = "ask",
    family: str | None = None,
) -> chores.Chore:
    """Import files: all of them, or none when it is cancelled, one cannot be read, or a person has to choose."""

    def work(progress: Progress) -> list[ImportReport]:
        with store.transaction():
            return [
                importing.import_file(
                    store,
                    path,
                    format=form,
                    mapping=dict(mappings[path]) if path in mappings else None,
                    who=state.who(),
                    changed=changed,
                    family=family,
                    progress=progress,
                )
                for path in files
            ]

    name = files[0].name if len(files) == 1 else f"{len(files)} files"
    return chores.start("import", f"Importing {name}", work)


def run_checks(store: Store) -> chores.Chore:
    """Run the checks on what has changed."""
    task = _task()
    return chores.start("check", "Checking", lambda progress: checks.run(store, task, progress=progress))


def find_duplicates(store: Store, near: float | None = None) -> chores.Chore:
    """Find equal and similar examples."""
    return chores.start(
        "dedup", "Finding duplicates", lambda progress: dedup.deduplicate(store, near, progress)
    )


def rank_labels(store: Store) -> chores.Chore:
    """Rank labels by how strongly the rows like them contradict each."""
    task = _task()
    return chores.start(
        "suspects", "Ranking labels", lambda progress: label_errors.find(store, task, progress)
    )


def make_vectors(store: Store) -> chores.Chore:
    """Make the vectors that searching by meaning needs."""
    embedder = _embedder()
    return chores.start(
        "vectors", "Making vectors", lambda progress: len(meaning.read(store, embedder, None, progress).seqs)
    )


def make_map(store: Store) -> chores.Chore:
    """Place all rows in a picture by meaning."""
    embedder = _embedder()
    return chores.start("map", "Making the map", lambda progress: maps.build(store, embedder, progress))


def split(
    store: Store,
    *,
    test: float | None,
    validation: float | None,
    group: Sequence[str],
    stratify: str | None,
    time: str | None,
    semantic: float | None,
) -> chores.Chore:
    """Check and deduplicate what has changed, and split."""
    task = _task()

    def work(progress: Progress) -> SplitReport:
        checks.run(store, task, progress=progress)
        return splits.make(
            store,
            task,
            test=test,
            validation=validation,
            group=group,
            stratify=stratify,
            time=time,
            semantic=semantic,
            who=state.who(),
            progress=progress,
        )

    return chores.start("split", "Splitting", work)


def freeze(store: Store) -> chores.Chore:
    """Check what has changed, freeze a version and audit it."""
    task = _task()

    def work(progress: Progress) -> Version:
        checks.run(store, task, progress=progress)
        return versions.freeze(store, task, who=state.who(), progress=progress)

    return chores.start("freeze", "Freezing", work)


def gauge(version: Version) -> chores.Chore:
    """Measure what test and train of a version share, and how far they differ; the result names its folder."""
    return chores.start(
        "gauges",
        f"Measuring {version.name}",
        lambda progress: (version.folder, gauges.measure(version.folder, progress)),
    )


def measure(
    store: Store,
    version: Version,
    candidates: Sequence[str],
    *,
    split: str = "validation",
    limit: int | None = None,
    after: Sequence[Path] = (),
    max_cost: float | None = None,
) -> chores.Chore:
    """Make an evaluation and start its job."""
    task = _task()

    def work(progress: Progress) -> Path:
        progress.stage("Preparing the evaluation")
        folder = evaluation.create(
            store.project,
            version.folder,
            task,
            candidates=candidates,
            split="test" if split == "test" else "validation",
            limit=limit,
            after=after,
            max_cost=max_cost,
        )
        jobs.start(folder)
        return folder

    return chores.start("measure", "Starting the evaluation", work)


def train(store: Store, version: Version, recipe: Recipe, name: str) -> chores.Chore:
    """Make a run and start its job."""
    task = _task()

    def work(progress: Progress) -> Path:
        folder = runs.create(store.project, version.folder, task, recipe, name=name, progress=progress)
        jobs.start(folder)
        return folder

    return chores.start("train", "Starting the run", work)


def look_ahead(store: Store, version: Version, recipe: Recipe) -> chores.Chore:
    """Everything that can be known about a run before it starts."""
    task = _task()
    return chores.start(
        "preflight",
        "Looking ahead",
        lambda progress: (
            recipe.hash,
            version.name,
            runs.look_ahead(store.project, version.folder, task, recipe, progress=progress),
        ),
    )


def _embedder() -> str:
    task = state.current_task()
    return task.embedder if task else DEFAULT_EMBEDDER


def publish(project: Project, name: str, to: Path, *, merged: bool) -> chores.Chore:
    """Write a finished run as a folder to serve."""
    return chores.start(
        "publish",
        f"Publishing {name}",
        lambda progress: publishing.publish(
            project, name, to, form="merged" if merged else "adapter", progress=progress
        ),
    )


def published(done: Published) -> str:
    """What was written, in words."""
    same = f" Merged, {done.same_answers:,} of {done.asked:,} answers stayed the same." if done.asked else ""
    return f"Written to {done.folder}.{same} {done.serves.replace('FOLDER', str(done.folder))}"


def _task() -> Task:
    task = state.current_task()
    if task is None:
        raise NotReady("There is no task without mistakes.", hint="Mend it in Settings.")
    return task


def attempt(work: Callable[[], object]) -> TouchstoneError | None:
    """Do something a button asked for; an expected error is returned instead of raised."""
    try:
        work()
    except TouchstoneError as error:
        return error
    return None
