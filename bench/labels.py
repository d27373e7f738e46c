"""Wrong labels against cleanlab and self-confidence: noise injected into the demo's labels, the same for all.

Mean average precision over uniform and neighbouring noise at 5 and 10 %; exit 1 when ours is below the best
of the others. cleanlab is an optional extra: pip install 'touchstone-workbench[bench]'.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from curation import embed, noise
from curation.example import expected_of, user_text
from curation.files import shipped

SEEDS = (11, 12)
NOISES = (("uniform", 0.05), ("uniform", 0.10), ("neighbouring", 0.05), ("neighbouring", 0.10))


class Rows(NamedTuple):
    """Vectors, right labels, numbers of equal texts."""

    vectors: Any
    right: Any
    clusters: Any


def demo() -> Rows:
    """The demo's rows in which nothing is planted."""
    planted = json.loads(shipped("demo", "truth.json").read_text("utf-8"))["planted"]
    broken = {(one["file"], one["line"]) for one in planted}
    texts, labels = [], []
    for path in sorted(shipped("demo").glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().decode("utf-8-sig", "replace").splitlines(), 1):
            if (path.name, number) in broken:
                continue
            try:
                messages = json.loads(line)["messages"]
                labels.append(json.loads(expected_of(messages))["intent"])
            except (ValueError, KeyError, TypeError):
                continue
            texts.append(user_text(messages))
    _, right = np.unique(np.array(labels), return_inverse=True)
    _, clusters = np.unique(np.array(texts), return_inverse=True)
    return Rows(embed.vectors(texts), right, clusters)


def spoilt(rows: Rows, kind: str, share: float, seed: int) -> tuple[Any, Any]:
    """Labels with some changed to any other, or to one of the two nearest; and which."""
    made = np.random.default_rng(seed)
    given, labels = rows.right.copy(), int(rows.right.max()) + 1
    changed = made.choice(len(given), int(len(given) * share), replace=False)
    centres = np.stack([rows.vectors[rows.right == label].mean(axis=0) for label in range(labels)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    order = np.argsort(-(centres @ centres.T), axis=1)
    for row in changed:
        others = [label for label in order[given[row]] if label != given[row]]
        given[row] = made.choice(others if kind == "uniform" else others[:2])
    return given, np.isin(np.arange(len(given)), changed)


def rivals(rows: Rows, given: Any) -> dict[str, Any]:
    """Scores of the references, higher for worse labels, from one out-of-fold logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    labels = int(given.max()) + 1
    found = np.zeros((len(given), labels))
    for train, held in GroupKFold(5).split(rows.vectors, given, rows.clusters):
        model = LogisticRegression(max_iter=300).fit(rows.vectors[train], given[train])
        found[np.ix_(held, model.classes_)] = model.predict_proba(rows.vectors[held])
    own = found[np.arange(len(given)), given]
    scores = {"logistic self-confidence": -own}
    if find_spec("cleanlab"):
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_normalized_margin_for_each_label as margin

        issue = find_label_issues(given, found, n_jobs=1)
        scores["cleanlab, issues first"] = issue + (1 - own) / 2
        scores["cleanlab normalized margin"] = -margin(given, found)
    return scores


def main() -> int:
    """Print one line; 1 when a reference does better."""
    from sklearn.metrics import average_precision_score

    rows = demo()
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        for kind, share in NOISES:
            given, changed = spoilt(rows, kind, share, seed)
            ours = noise.judge(rows.vectors, given, rows.clusters, int(given.max()) + 1).score
            for name, score in {"ours": ours, **rivals(rows, given)}.items():
                found.setdefault(name, []).append(average_precision_score(changed, score))
    means = {name: round(float(np.mean(values)), 4) for name, values in found.items()}
    best = max(value for name, value in means.items() if name != "ours")
    line = {
        "ratio": f"wrong labels, mean average precision over {len(found['ours'])} noises, {len(rows.right):,} rows",
        "measured": means.pop("ours"),
        "hold": best,
        "references": means,
        "cleanlab": "compared" if find_spec("cleanlab") else "not installed: pip install '.[bench]'",
    }
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if float(str(line["measured"])) < best else 0


if __name__ == "__main__":
    sys.exit(main())
