"""The shift gauge: how well a simple classifier of words tells test prompts from those of train.

It shows that the test asks something else; it does not find leaks (half a test of near copies leaves it at 0.53).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation.progress import Progress

if TYPE_CHECKING:
    import duckdb
    import numpy as np

LOOK, ELSE = 0.65, 0.80  # a correct grouped split measured 0.58, twelve intents only in the test 0.94
MOST_ROWS = 2_000  # of each side
MOST_CHARACTERS = 2_000  # of a prompt
FEWEST = 20  # groups of each side; fewer say nothing
_FOLDS = 5
_SHUFFLES = 19  # the highest of 19 is exceeded by chance once in 20
_WORDS, _ROWS = 8, 10  # shown
_SEED = 0


@dataclass(frozen=True, slots=True)
class Telltale:
    """A word that speaks for one side (`test` or `train`), with the shares of test and train prompts that hold it."""

    word: str
    side: str
    test: float
    train: float


@dataclass(frozen=True, slots=True)
class Foreign:
    """A test row that looks least like train; `chance` of being test, by a classifier that never saw it."""

    id: str
    chance: float
    prompt: str


@dataclass(frozen=True, slots=True)
class Shift:
    """How far test and train can be told apart.

    `auc` is 0.5 where they cannot, 1 where always, None where too few rows are there. Over 0.65 the sides of the
    groups are dealt by chance 19 times, and `reached` is the most that gave (exceeded by chance once in 20); else it
    is None. `train` and `test` count the rows that were looked at.
    """

    auc: float | None
    reached: float | None
    train: int
    test: int
    words: tuple[Telltale, ...]
    rows: tuple[Foreign, ...]

    @property
    def clear(self) -> bool:
        """Whether the difference is worth a look: over 0.65 and over what chance reaches."""
        return self.auc is not None and self.reached is not None and self.auc > max(LOOK, self.reached)

    @property
    def told(self) -> tuple[str, str]:
        """A tone (good, warn, bad or dim) and the sentence."""
        if self.auc is None:
            return (
                "dim",
                f"Shift: could not be judged; it takes {FEWEST} groups of prompts in train and in the test.",
            )
        reached = "" if self.reached is None else f", sides dealt by chance reach {self.reached:.2f}"
        told = (
            f"Shift: from the words of a prompt a classifier tells test from train with an AUC of {self.auc:.2f} "
            f"(0.5 is guessing{reached})"
        )
        if not self.clear:
            return "good", f"{told}: no shift to look at; that begins at {LOOK:.2f}, and above chance."
        if self.auc > ELSE:
            return "bad", f"{told}: over {ELSE:.2f}, the test set asks something else than train teaches."
        return "warn", f"{told}: over {LOOK:.2f}, look at the words that give it away."


def measure_shift(connection: duckdb.DuckDBPyConnection, progress: Progress) -> Shift:
    """Five folds of TF-IDF and logistic regression, groups kept whole, the same rows and folds each time.

    Args:
        connection: with a table `told` of split, id, belongs (the group) and prompt (normalised).
        progress: told once for each fold.
    """
    import numpy as np

    progress.stage("Telling test from train", _FOLDS + 1)
    rows = _sample(connection)
    held = np.array([row[0] == "test" for row in rows], bool)
    groups = np.unique([row[2] for row in rows], return_inverse=True)[1]
    n_test, n_train = (len(np.unique(groups[side])) if len(rows) else 0 for side in (held, ~held))
    counts = {"train": int((~held).sum()), "test": int(held.sum())}
    if min(n_test, n_train) < FEWEST:
        return Shift(None, None, **counts, words=(), rows=())
    from sklearn.feature_extraction.text import TfidfVectorizer

    cut = TfidfVectorizer(token_pattern=r"\S+", lowercase=False, sublinear_tf=True, max_features=20_000)
    texts = cut.fit_transform([row[3] for row in rows])
    progress.advance()
    auc, chance = _folds(texts, held, groups, progress)
    reached = _by_chance(texts, held, groups, progress) if auc > LOOK else None
    likeliest = [i for i in np.argsort(-chance, kind="stable") if held[i]][:_ROWS]
    return Shift(
        auc,
        reached,
        **counts,
        words=_telltales(texts, held, cut.get_feature_names_out()),
        rows=tuple(Foreign(rows[i][1], float(chance[i]), rows[i][4]) for i in likeliest),
    )


def _sample(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str, str]]:
    """Split, id, group, words and excerpt of at most 2,000 rows a side, in an order that chance gave once."""
    from curation.dedup.shingles import SPACED

    return connection.execute(
        f"""
        select split, id, belongs, {SPACED.format(text="words")}, left(words, 200)
        from (
            select split, id, belongs, left(prompt, {MOST_CHARACTERS}) as words
            from told
            where prompt <> ''
            qualify row_number() over (partition by split order by md5(id), id) <= {MOST_ROWS}
        )
        order by split, md5(id), id
        """
    ).fetchall()


def _folds(
    texts: Any,  # noqa: ANN401  a sparse matrix
    held: np.ndarray[Any, Any],
    groups: np.ndarray[Any, Any],
    progress: Progress,
) -> tuple[float, np.ndarray[Any, Any]]:
    """The mean AUC of the folds, and for each row the chance of being test that a fold without it gives."""
    import numpy as np
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    chance, found = np.zeros(len(held)), []
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    for learnt, asked in folds.split(texts, held, groups):
        if len(set(held[learnt])) == 2:
            chance[asked] = _model().fit(texts[learnt], held[learnt]).predict_proba(texts[asked])[:, 1]
            if len(set(held[asked])) == 2:
                found.append(roc_auc_score(held[asked], chance[asked]))
        progress.advance()
    return float(np.mean(found)) if found else 0.5, chance


def _by_chance(
    texts: Any,  # noqa: ANN401  a sparse matrix
    held: np.ndarray[Any, Any],
    groups: np.ndarray[Any, Any],
    progress: Progress,
) -> float:
    """The highest AUC when the sides are dealt to whole groups by chance.

    A formula will not do: folds share what they learn from, and over random splits of 400 prompts the AUC spread by
    0.055 where the rank sum's formula says 0.041.
    """
    import numpy as np

    progress.stage("Comparing with sides dealt by chance", _SHUFFLES * _FOLDS)
    rng = np.random.default_rng(_SEED)
    sides = held[np.unique(groups, return_index=True)[1]]
    return max(_folds(texts, rng.permutation(sides)[groups], groups, progress)[0] for _ in range(_SHUFFLES))


def _telltales(
    texts: Any,  # noqa: ANN401  a sparse matrix
    held: np.ndarray[Any, Any],
    names: np.ndarray[Any, Any],
) -> tuple[Telltale, ...]:
    import numpy as np

    weights = _model().fit(texts, held).coef_[0]
    test, train = (texts[side].getnnz(axis=0) / side.sum() for side in (held, ~held))
    order = np.argsort(-weights, kind="stable")
    ends = (("test", order[:_WORDS]), ("train", order[::-1][:_WORDS]))
    return tuple(
        Telltale(str(names[i]), side, float(test[i]), float(train[i]))
        for side, places in ends
        for i in places
        if (weights[i] > 0) == (side == "test") and weights[i]
    )


def _model() -> Any:  # noqa: ANN401  scikit-learn's
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(class_weight="balanced", max_iter=300, random_state=_SEED)
