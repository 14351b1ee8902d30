"""Speed: every contender does one round of a workload, then every one the next round, so that a busy machine hits all."""

from .figures import median, percentile, ratios

# What the encoder is asked to reach: bulk at least these many times, a query in at most this share of the time.
REACH = {"bulk": {"fp32": 3.0, "dynamic int8": 1.7}, "query": {"fp32": 0.35}}
QUERIES = 100


def interleaved(contenders, rounds, work):
    """``work(contender)`` of each contender in every round; the one that begins changes from round to round. Round 0 warms
    up and does not count. Name of the contender → one result per round."""
    results = {contender.name: [] for contender in contenders}
    for number in range(rounds + 1):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            result = work(contender)
            if number:
                results[contender.name].append(result)
    return results


def measure_bulk(contenders, workload, rounds):
    results = interleaved(contenders, rounds, lambda contender: contender.bulk(workload.texts))
    entry = {"workload": workload.name, "about": workload.about, "texts": len(workload.texts), "contenders": {}}
    for name, found in results.items():
        whole = [one["texts_per_s"] for one in found]
        session = [one["session_texts_per_s"] for one in found]
        entry["contenders"][name] = {
            "texts_per_s": median(whole),
            "best_texts_per_s": max(whole),
            "session_texts_per_s": median(session),
            "best_session_texts_per_s": max(session),
            "tokens": found[0]["tokens"],
            "tokens_per_s": found[0]["tokens"] / len(workload.texts) * median(whole),
            "rounds": whole,
            "session_rounds": session,
        } | {key: found[-1][key] for key in ("padded_tokens", "peak_mib") if key in found[-1]}
    return entry


def measure_queries(contenders, texts, rounds):
    results = interleaved(contenders, rounds, lambda contender: contender.queries(texts))
    entry = {"texts": len(texts), "contenders": {}}
    for name, found in results.items():
        whole = [call for one in found for call in one["calls_us"]]
        session = [call for one in found for call in one["session_us"]]
        entry["contenders"][name] = {
            "p50_us": percentile(whole, 0.5),
            "p99_us": percentile(whole, 0.99),
            "session_p50_us": percentile(session, 0.5),
            "session_p99_us": percentile(session, 0.99),
            "rounds": [percentile(one["calls_us"], 0.5) for one in found],
            "session_rounds": [percentile(one["session_us"], 0.5) for one in found],
        }
    return entry


def compare(entry, ours, others):
    """Ratios of each of ours to each of the others, of whole calls and of their session parts."""
    found, contenders = [], entry["contenders"]
    for own in ours:
        for other in others:
            whole = ratios(contenders[own]["rounds"], contenders[other]["rounds"])
            session = ratios(contenders[own]["session_rounds"], contenders[other]["session_rounds"])
            found.append({"of": own, "to": other, "whole": whole, "session": session})
    return found


def share_of_limit(entry, operations_per_token, limit):
    """Operations of the products with weight matrices per second, by what the registers alone can do: of the whole call,
    and without the tokenizer."""
    if not limit["operations_per_s"]:
        return {}
    shares = {}
    for name, found in entry["contenders"].items():
        per_text = operations_per_token * found["tokens"] / entry["texts"]
        shares[name] = {
            "whole": found["texts_per_s"] * per_text / limit["operations_per_s"],
            "session": found["session_texts_per_s"] * per_text / limit["operations_per_s"],
        }
    return shares
