"""Computes every statistic of `tidegate evaluate` with scipy, statsmodels and numpy, from the data sets themselves.

Reads from standard input a JSON object {"resamples": N, "sets": [{"dataset", "control", "treatment"}, ...]} and writes
one object a line to standard output, the versions first. Nothing here knows of the program's code or its output.
"""

import json
import math
import sys

import numpy
import scipy
import statsmodels
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

LEVELS = {"low", "medium", "high", "critical"}
OWN_RESAMPLES = 200_000
# The program's ends must lie within this many standard errors of both simulations together.
DEVIATIONS = 5.0


def reading(answer):
    """('absent' | 'failed' | 'unparsed', None) or ('parsed', (score, level))."""
    if answer is None:
        return "absent", None
    if "error" in answer:
        return "failed", None
    if "text" in answer:
        try:
            answer = json.loads(answer["text"])
        except json.JSONDecodeError:
            return "unparsed", None
        if not isinstance(answer, dict):
            return "unparsed", None
    score, level = answer.get("risk_score"), answer.get("risk_level")
    number = isinstance(score, (int, float)) and not isinstance(score, bool)
    if not number or not 0 <= score <= 100 or level not in LEVELS:
        return "unparsed", None
    return "parsed", (score, level)


def measure(metric, case, key):
    answer = case["answers"].get(key)
    kind, said = reading(answer)
    if metric == "json_parse_success_rate":
        return None if kind == "absent" else float(kind == "parsed")
    if metric == "response_latency_ms":
        return answer.get("latency_ms") if kind in ("parsed", "unparsed") else None
    if kind != "parsed":
        return None
    expected = case["expected"]
    if metric == "score_in_range_accuracy":
        return float(expected["score"]["min"] <= said[0] <= expected["score"]["max"])
    return float(said[1] == expected["level"])


def part(count, chance):
    """count / chance, where no count has no part and no chance is next to none."""
    return count / max(chance, 1e-300) if count else 0.0


def tango(b, c, n):
    """Every difference that the score test keeps, by the likelihood of the trinomial itself."""
    z = stats.norm.ppf(0.975)

    def statistic(delta):
        if b - c == n * delta:
            return 0.0
        # The most likely chance of the cell c: where the likelihood has no slope.
        low, high = max(0.0, -delta), (1.0 - delta) / 2.0
        rest = n - b - c

        def slope(p):
            return part(b, p + delta) + part(c, p) - 2.0 * part(rest, 1.0 - 2.0 * p - delta)

        inside = [low + (high - low) * share for share in (1e-12, 1.0 - 1e-12)]
        if slope(inside[0]) <= 0:
            p = low
        elif slope(inside[1]) >= 0:
            p = high
        else:
            p = optimize.brentq(slope, *inside, xtol=1e-16, rtol=1e-14)
        variance = n * (2.0 * p + delta - delta * delta)
        if variance <= 0:
            return math.inf
        return abs(b - c - n * delta) / math.sqrt(variance)

    middle = (b - c) / n

    def end(outermost):
        inner = outermost + math.copysign(1e-13, middle - outermost)
        if statistic(inner) <= z:
            return outermost
        return optimize.brentq(lambda delta: min(statistic(delta), 1e9) - z, middle, inner, xtol=1e-14)

    low = -1.0 if middle == -1.0 else end(-1.0)
    high = 1.0 if middle == 1.0 else end(1.0)
    return [low, high]


def bands(groups, resamples, back):
    """Where both ends of the bootstrap have to lie; and the ends, were cases drawn instead of scenarios."""
    generator = numpy.random.default_rng(20260302)
    sums = numpy.array([sum(group) for group in groups])
    counts = numpy.array([len(group) for group in groups], dtype=float)
    means = []
    for _ in range(20):
        drawn = generator.integers(0, len(groups), size=(OWN_RESAMPLES // 20, len(groups)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    means = numpy.concatenate(means)
    found = {}
    for name, q in (("low", 0.025), ("high", 0.975)):
        spread = DEVIATIONS * math.sqrt(q * (1 - q) * (1 / resamples + 1 / OWN_RESAMPLES))
        found[name] = [back(numpy.quantile(means, q - spread)), back(numpy.quantile(means, q + spread))]
    values = numpy.array([value for group in groups for value in group])
    cases = numpy.concatenate(
        [values[generator.integers(0, len(values), size=(1_000, len(values)))].mean(axis=1) for _ in range(20)]
    )
    found["by_case"] = [back(numpy.quantile(cases, 0.025)), back(numpy.quantile(cases, 0.975))]
    return found


def compare(metric, cases, control, treatment, resamples):
    sides = [(case, measure(metric, case, control), measure(metric, case, treatment)) for case in cases]
    pairs = [(case, a, b) for case, a, b in sides if a is not None and b is not None]
    groups = {}
    timed = metric == "response_latency_ms"
    for case, a, b in pairs:
        difference = math.log(b) - math.log(a) if timed else b - a
        groups.setdefault(case.get("scenario", case["id"]), []).append(difference)
    found = {
        "both": len(pairs),
        "scenarios": len(groups),
        "control_only": sum(a is not None and b is None for _, a, b in sides),
        "treatment_only": sum(a is None and b is not None for _, a, b in sides),
        "neither": sum(a is None and b is None for _, a, b in sides),
    }
    if not pairs:
        return found
    a = numpy.array([a for _, a, _ in pairs])
    b = numpy.array([b for _, _, b in pairs])
    if timed:
        found |= {"control": stats.gmean(a), "treatment": stats.gmean(b)}
        found["difference"] = stats.gmean(b / a) - 1
        if len(pairs) > 1:
            logs = numpy.log(b) - numpy.log(a)
            test = stats.ttest_rel(numpy.log(b), numpy.log(a))
            ends = test.confidence_interval(0.95)
            found |= {"p": test.pvalue, "statistic": test.statistic, "degrees_of_freedom": test.df}
            found["interval"] = [math.expm1(ends.low), math.expm1(ends.high)]
            found["effect"] = numpy.mean(logs) / numpy.std(logs, ddof=1)
    else:
        table = [[int(((a == x) & (b == y)).sum()) for y in (1, 0)] for x in (1, 0)]
        won, lost = table[1][0], table[0][1]
        found |= {"control": a.mean(), "treatment": b.mean(), "difference": b.mean() - a.mean()}
        found["outcomes"] = [table[0][0], lost, won, table[1][1]]
        found["p"] = float(mcnemar(table, exact=True).pvalue) if won + lost else 1.0
        found["interval"] = tango(won, lost, len(pairs))
        found["effect"] = won / (won + lost) - 0.5 if won + lost else None
    if len(groups) > 1:
        found["bootstrap"] = bands(list(groups.values()), resamples, math.expm1 if timed else float)
    return found


def of_all(metric, cases, control, treatment):
    asked = [case for case in cases if control in case["answers"] and treatment in case["answers"]]
    if not asked:
        return None
    return [sum(measure(metric, case, key) == 1.0 for case in asked) / len(asked) for key in (control, treatment)]


def main():
    versions = {"python": sys.version.split()[0]}
    versions |= {module.__name__: module.__version__ for module in (scipy, statsmodels, numpy)}
    print(json.dumps(versions))
    asked = json.load(sys.stdin)
    for wanted in asked["sets"]:
        with open(wanted["dataset"], encoding="utf-8") as lines:
            cases = [json.loads(line) for line in lines if line.strip()]
        control, treatment = wanted["control"], wanted["treatment"]
        shares = ["json_parse_success_rate", "score_in_range_accuracy", "level_match_accuracy"]
        found = {
            metric: compare(metric, cases, control, treatment, asked["resamples"])
            for metric in [*shares, "response_latency_ms"]
        }
        tested = [metric for metric, values in found.items() if "p" in values]
        adjusted = multipletests([found[metric]["p"] for metric in tested], method="holm")[1]
        for metric, p in zip(tested, adjusted):
            found[metric]["p_holm"] = p
        for metric in shares[1:]:
            found[metric]["of_all"] = of_all(metric, cases, control, treatment)
        kinds = [[reading(case["answers"].get(key))[0] for case in cases] for key in (control, treatment)]
        answers = [[side.count(kind) for kind in ("parsed", "unparsed", "failed", "absent")] for side in kinds]
        print(json.dumps({"answers": answers, "metrics": found}, default=float))


if __name__ == "__main__":
    main()
