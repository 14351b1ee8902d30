"""The measurements as Markdown, each beside what is to be reached."""

from . import quality, service, speed

NONE = "–"


def line(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head, rows):
    return "\n".join([line(head), line(["---"] + ["--:"] * (len(head) - 1)), *map(line, rows)])


def times(found, reach=None, more=True):
    """A ratio with the range of its rounds, and whether it reaches what is asked for."""
    text = f"{found['ratio']:.2f} ({found['lowest']:.2f}–{found['highest']:.2f})"
    return text if reach is None else f"{text}{verdict(found['ratio'], reach, more)}"


def verdict(found, reach, more=True):
    met = found >= reach if more else found <= reach
    return f" {'✓' if met else '✗'} {'≥' if more else '≤'} {reach:g}"


def speeds(report):
    names = report["contenders"]
    rows = []
    for entry in report["bulk"]:
        for name in names:
            found = entry["contenders"][name]
            limit = entry["limit"].get(name, {})
            rows.append(
                [
                    entry["workload"],
                    name,
                    f"{found['texts_per_s']:,.0f}",
                    f"{found['best_texts_per_s']:,.0f}",
                    f"{found['session_texts_per_s']:,.0f}",
                    f"{found['tokens_per_s']:,.0f}",
                    f"{found['padded_tokens'] / found['tokens']:.2f}" if "padded_tokens" in found else NONE,
                    f"{limit['whole']:.1%} / {limit['session']:.1%}" if limit else NONE,
                ]
            )
    head = ["bulk", "", "texts/s", "best", "without tokenizer", "tokens/s", "padded", "share of 8-bit limit"]
    return table(head, rows)


def bulk_ratios(report):
    rows = []
    for entry in report["bulk"]:
        for found in entry["ratios"]:
            reach = speed.REACH["bulk"].get(found["to"]) if found["of"].endswith("int8") else None
            rows.append(
                [entry["workload"], found["of"], found["to"], times(found["whole"], reach), times(found["session"])]
            )
    return table(["bulk", "of", "to", "ratio (range of rounds)", "without tokenizer"], rows)


def queries(report):
    entry = report["query"]
    rows = []
    for name, found in entry["contenders"].items():
        own = [one for one in entry["ratios"] if one["of"] == name]
        cells = []
        for other in ("fp32", "dynamic int8"):
            ratio = next((one for one in own if one["to"] == other), None)
            reach = speed.REACH["query"].get(other) if name.endswith("int8") else None
            cells.append(f"{times(ratio['whole'], reach, more=False)}" if ratio else NONE)
        rows.append([name, *(f"{found[key] / 1e3:.2f}" for key in ("p50_us", "p99_us", "session_p50_us")), *cells])
    head = ["one query", "p50 ms", "p99 ms", "p50 without tokenizer", "p50 ÷ fp32", "p50 ÷ dynamic int8"]
    return table(head, rows)


def speed_page(report):
    about = "; ".join(f"{entry['workload']}: {entry['about']}" for entry in report["bulk"])
    limit = report["limit"]
    if limit["operations_per_s"]:
        limit = (
            f"The 8-bit limit is {limit['operations_per_s'] / 1e9:,.0f} billion operations per second ({limit['instructions']} on "
            f"registers alone, {limit['threads']} threads, measured in this run). Shares are of the products with weight "
            f"matrices ({report['operations_per_token'] / 1e6:.1f} million operations per token) over the time of "
            "everything, whole / without tokenizer."
        )
    else:
        limit = "This processor has no 8-bit dot product that is known here: no share of the limit is given."
    opened = "; ".join(f"{name}: {state}" for name, state in report["opened"].items())
    notes = [
        f"{report['model']}; {report['threads']} threads for each; {report['rounds']} rounds, taken in turns, after one "
        "that does not count. Texts/s: median of the rounds, whole calls with tokenizing; ratios of the medians, with the "
        "lowest and highest of the rounds. onnxruntime runs padded batches of 32 in the order of the input. "
        f"One query: {report['query']['texts']} titles of 11 to 16 tokens, one after the other.",
        about + ".",
        limit,
    ]
    notes += [f"Alike opened {opened}."] if opened else []
    return ["## Speed", speeds(report), bulk_ratios(report), queries(report), *notes]


def quality_page(report):
    reach = quality.REACH
    rows = []
    for name, found in report["contenders"].items():
        judged = NONE
        if "ndcg" in found:
            bound = verdict(abs(found["ndcg_difference"]), reach["ndcg difference"], more=False)
            judged = f"{found['ndcg']:.4f} ({found['ndcg_difference']:+.4f}{bound})"
        rows.append(
            [
                name,
                f"{found['cosine_mean']:.5f}{verdict(found['cosine_mean'], reach['mean cosine'])}",
                f"{found['cosine_min']:.5f}",
                f"{found['overlap']:.4f}{verdict(found['overlap'], reach['overlap'])}",
                judged,
                f"{found['other_batch_mates_cosine_mean']:.6f} / {found['other_batch_mates_cosine_min']:.6f}",
            ]
        )
    head = ["", "cosine to fp32, mean", "min", "top-10 overlap with fp32", "ESCI nDCG@10"]
    head += ["cosine to itself among other batch mates, mean / min"]
    notes = [f"{report['titles']}; the query itself is left out of its neighbors. All are encoded as documents."]
    if "fp32_ndcg" in report:
        notes.append(
            f"ESCI: exact search over all products (title, bullet points) for the judged queries; fp32: {report['fp32_ndcg']:.4f}."
        )
    else:
        notes.append("ESCI was not measured: its files are not there.")
    return ["## Quality", table(head, rows), *notes]


def http_page(report):
    rows = []
    for entry in report["runs"]:
        half = entry["half_load"]
        rows.append(
            [
                f"{entry['variant']}, {entry['encoding']}",
                f"{entry['bulk_texts_per_s']:,.0f}",
                f"{entry['callers_texts_per_s']:,.0f}",
                f"{entry['share_of_bulk']:.2f}{verdict(entry['share_of_bulk'], service.REACH['share of bulk'])}",
                f"{entry['full_p50_us'] / 1e3:.1f} / {entry['full_p99_us'] / 1e3:.1f}",
                f"{entry['single_p50_us'] / 1e3:.2f} / {entry['single_p99_us'] / 1e3:.2f}",
                f"{half['p50_us'] / 1e3:.2f} / {half['p99_us'] / 1e3:.2f}",
                f"{entry['p99_by_single_call']:.2f}"
                + verdict(entry["p99_by_single_call"], service.REACH["p99 by single call"], more=False),
                f"{entry['server_cores']:.2f} / {entry['client_cores']:.2f}",
            ]
        )
    head = ["/v1/embeddings", "bulk texts/s", f"{service.CALLERS} callers", "share of bulk", "p50 / p99 ms at full load"]
    head += ["one caller", "half load", "p99 at half load ÷ one call's p50", "cores used: server / client"]
    entry = report["runs"][0]
    notes = [
        f"{entry['texts']}, one per call, over kept connections, none twice but {entry['repeated_texts']}. "
        "Bulk encoding of the same texts and callers take turns. Half load: calls arrive as a Poisson process, latencies "
        f"count from when a call was due (they were sent {report['runs'][0]['half_load']['late_p50_us']:.0f} µs later, "
        f"p99 {report['runs'][0]['half_load']['late_p99_us']:.0f} µs). Client and server share the machine."
    ]
    return ["## HTTP", table(head, rows), *notes]


def memory_page(report):
    parts = ["## Memory"]
    for run in report["runs"]:
        rows = [[f"{step['texts']:,}", f"{step['resident_mib']:.1f}"] for step in run["steps"]]
        parts.append(table([f"{run['variant']}: texts", "resident MiB"], rows))
        parts.append(
            f"Straight line through the second half: {run['mib_per_million']:+.1f} MiB per million texts; highest less "
            f"lowest of it: {run['spread_mib']:.1f} MiB."
        )
    return parts


PAGES = {"speed": speed_page, "quality": quality_page, "http": http_page, "memory": memory_page}


def page(report):
    machine = report["machine"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores. Other programs used {machine['cores_used_by_others']:.2f} cores on "
        "average during this run; with more than a few hundredths, measure again."
    ]
    for name, make in PAGES.items():
        if name in report:
            parts += make(report[name])
    return "\n\n".join(parts)
