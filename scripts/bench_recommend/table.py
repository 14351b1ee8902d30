"""One table of everything that was measured."""

MEASURES = ("recall@20", "ndcg@20")


def best(models, task):
    """The highest figure of each measure that any model has for a task."""
    entries = [entries[task] for entries in models.values() if task in entries]
    return {measure: max(entry[measure] for entry in entries) for measure in MEASURES}


def table(models, ours, tasks):
    """Lines of text: figures of the models and of ours, ours with the ratio to the best model, measure by measure."""
    width = max(map(len, [*models, *ours])) + 2
    lines = [" " * width + "".join(f"{task:>30}" for task in tasks)]
    lines.append(" " * width + f"{'recall@20   nDCG@20':>30}" * len(tasks))
    for name, entries in models.items():
        lines.append(f"{name:<{width}}" + "".join(cell(entries.get(task)) for task in tasks))
    for name, entries in ours.items():
        lines.append(f"{name:<{width}}" + "".join(cell(entries.get(task)) for task in tasks))
        lines.append(f"{'  ratio to the best':<{width}}" + "".join(ratio(models, entries, task) for task in tasks))
    return lines


def cell(entry):
    if entry is None:
        return f"{'–':>30}"
    return f"{entry['recall@20']:>20.4f}{entry['ndcg@20']:>10.4f}"


def ratio(models, entries, task):
    if task not in entries or not models:
        return f"{'–':>30}"
    reference = best(models, task)
    recall, ndcg = (entries[task][measure] / reference[measure] for measure in MEASURES)
    return f"{recall:>20.3f}{ndcg:>10.3f}"
