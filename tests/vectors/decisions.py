"""Reference numbers for what decides in restless worlds: ramps, switchbacks, the fast path.

Written from docs/statistics.md alone, sharing no code with the product: every leave-one-out value is the whole
estimate computed again without that camera or block, and the fast path adds its excursion up from its events each
time. Python 3 and its standard library; run as `python3 decisions.py > decisions.json`.
"""

import json
import math
import random
from fractions import Fraction

random.seed(1507)


def weight(trials):
    return trials / (1 + 0.05 * (trials - 1))


def binomial(trials, rate):
    return sum(random.random() < rate for _ in range(trials))


# --- A ramp in strata of time -------------------------------------------------------------------------

def arms(rows, stratum, arm):
    return [r for r in rows if r["stratum"] == stratum and r["arm"] == arm]


def mean(rows):
    return math.fsum(weight(r["trials"]) * r["y"] for r in rows) / math.fsum(weight(r["trials"]) for r in rows)


def stratified(rows, ratio):
    """The estimate and, stratum by stratum, its weight."""
    parts = {}
    for stratum in sorted({r["stratum"] for r in rows}):
        treated, control = arms(rows, stratum, 1), arms(rows, stratum, 0)
        if not treated or not control:
            continue
        w_t = math.fsum(weight(r["trials"]) for r in treated)
        w_c = math.fsum(weight(r["trials"]) for r in control)
        d = math.log(mean(treated) / mean(control)) if ratio else mean(treated) - mean(control)
        parts[stratum] = (1 / (1 / w_t + 1 / w_c), d)
    whole = math.fsum(w for w, _ in parts.values())
    return (math.fsum(w * d for w, d in parts.values()) / whole if parts else None), parts


def strata_case(cameras, ratio):
    strata, rows = 3, []
    for camera in range(cameras):
        base = random.uniform(0.2, 0.7)
        turns = random.random()
        for stratum, share in enumerate([0.2, 0.35, 0.5]):
            trials = random.choice([0, 1, 3, 12, 40, 150])
            if trials == 0:
                continue
            row = {"camera": camera, "stratum": stratum, "arm": int(turns < share), "trials": trials}
            if ratio:
                values = [random.lognormvariate(0.3 * stratum, 0.5) * base for _ in range(trials)]
                row["sum"], row["square_sum"] = math.fsum(values), math.fsum(v * v for v in values)
                row["offset"] = random.uniform(0.3, 0.6)
                row["y"] = row["sum"] / trials / row["offset"]
            else:
                row["events"] = binomial(trials, min(0.95, base + 0.1 * stratum))
                row["offset"] = random.uniform(0, 0.3)
                row["y"] = row["events"] / trials - row["offset"]
            rows.append(row)
    both = {s for s in range(strata) if arms(rows, s, 0) and arms(rows, s, 1)}
    used = [r for r in rows if r["stratum"] in both]
    d, parts = stratified(rows, ratio)
    if d is None:
        return None
    names = sorted({r["camera"] for r in used})
    left = [stratified([r for r in rows if r["camera"] != c], ratio)[0] for c in names]
    if any(v is None for v in left):
        return None
    g = len(names)
    variance = (g - 1) / g * math.fsum((v - d) ** 2 for v in left)
    whole = math.fsum(w for w, _ in parts.values())
    # What independent events would have.
    floor = 0.0
    for arm in (0, 1):
        mine = [r for r in rows if r["arm"] == arm]
        if ratio:
            ss = math.fsum((r["square_sum"] - r["sum"] ** 2 / r["trials"]) / (r["sum"] / r["trials"]) ** 2 for r in mine)
            free = sum(r["trials"] for r in mine) - len(mine)
            unit = ss / free if free else 0.0
        else:
            p = (sum(r["events"] for r in mine) + 0.5) / (sum(r["trials"] for r in mine) + 1)
            unit = p * (1 - p)
        for stratum, (omega, _) in parts.items():
            cells = arms(rows, stratum, arm)
            total = math.fsum(weight(r["trials"]) for r in cells)
            spread = math.fsum(weight(r["trials"]) ** 2 / r["trials"] * (r["y"] ** 2 if ratio else 1) for r in cells)
            scale = mean(cells) ** 2 if ratio else 1
            floor += (omega / whole) ** 2 * unit * spread / total ** 2 / scale
    # Kish's cameras and the jackknife of each variant alone, for Satterthwaite.
    own, nu = [], []
    for arm in (0, 1):
        squares, shares = 0.0, 0.0
        for c in names:
            pull, share = 0.0, 0.0
            for stratum, (omega, _) in parts.items():
                cells = arms(rows, stratum, arm)
                total = math.fsum(weight(r["trials"]) for r in cells)
                for r in cells:
                    if r["camera"] != c:
                        continue
                    w = weight(r["trials"])
                    share += omega / whole * w / total
                    rest = total - w
                    if rest > 0:
                        scale = mean(cells) if ratio else 1
                        pull += omega / whole * w * (r["y"] - mean(cells)) / rest / scale
            squares += pull ** 2
            shares += share ** 2
        own.append(squares)
        nu.append(max(1 / shares - 1, 0.5))
    both_own = own[0] + own[1]
    degrees = both_own ** 2 / (own[0] ** 2 / nu[0] + own[1] ** 2 / nu[1]) if both_own else min(nu)
    keys = ["camera", "stratum", "arm", "trials", "offset"] + (["sum", "square_sum"] if ratio else ["events"])
    return {
        "in": {"ratio": ratio, "strata": strata, **{k: [r[k] for r in rows] for k in keys}},
        "out": {"D": d, "var_between": variance, "var_iid": floor, "dof": degrees, "n_cameras": g},
    }


# --- A switchback, block by block ---------------------------------------------------------------------

def within(blocks):
    numerator = denominator = 0.0
    for camera in sorted({b["camera"] for b in blocks}):
        sums = {}
        for arm in (0, 1):
            mine = [b for b in blocks if b["camera"] == camera and b["arm"] == arm]
            sums[arm] = (sum(b["trials"] for b in mine), sum(b["successes"] for b in mine))
        (a0, x0), (a1, x1) = sums[0], sums[1]
        if a0 and a1:
            numerator += (x1 * a0 - x0 * a1) / (a0 + a1)
            denominator += a0 * a1 / (a0 + a1)
    return numerator / denominator if denominator else None


def switchback_case(cameras, blocks_each, burst):
    blocks = []
    for camera in range(cameras):
        base = random.uniform(0.2, 0.7)
        for number in range(blocks_each):
            trials = random.choice([1, 2, 5, 9]) + (100 if random.random() < burst else 0)
            rate = random.choice([0.02, 0.98]) if trials > 100 else base
            arm = number % 2 if number < 2 else int(random.random() < 0.5)
            blocks.append({"camera": camera, "arm": arm, "trials": trials, "successes": binomial(trials, rate)})
    d = within(blocks)
    k, g = len(blocks), cameras
    left = [within(blocks[:i] + blocks[i + 1:]) for i in range(k)]
    # Without its only difference the block alone made it.
    squares = math.fsum((d if v is None else v - d) ** 2 for v in left)
    a = [b["trials"] for b in blocks]
    worth = sum(a) ** 2 / sum(x * x for x in a)
    nu = max(worth - 1 - (g - 1) * worth / k, 0.5)
    return {
        "in": {key: [b[key] for b in blocks] for key in ("camera", "arm", "trials", "successes")},
        "out": {"D": d, "var_jackknife": (k - 1) / k * squares, "blocks_worth": worth, "dof": nu},
    }


# --- Which variant's cameras fail -----------------------------------------------------------------------

def draws_case(failing, treated, failing_control, control):
    """The share of all draws of the split that put so many of the failing cameras on the treatment's side, or more."""
    cameras, failing_all = treated + control, failing + failing_control
    draws = sum(
        math.comb(failing_all, k) * math.comb(cameras - failing_all, treated - k)
        for k in range(failing, min(failing_all, treated) + 1)
    )
    return {
        "in": {"treatment": [failing, treated], "control": [failing_control, control]},
        "out": {"chance": float(Fraction(draws, math.comb(cameras, treated)))},
    }


# --- The fast path --------------------------------------------------------------------------------------

UP, DOWN = math.log(0.9 / 0.25), math.log(0.1 / 0.75)


def fast_path_case(cameras, length, rate_t, rate_c, favourite):
    """Events of treated cameras 0.., and of control cameras 1000..; a favourite camera comes more often."""
    events = []
    for _ in range(length):
        treated = random.random() < 0.6
        camera = 0 if treated and random.random() < favourite else random.randrange(cameras)
        fails = random.random() < (rate_t if treated else rate_c)
        events.append((camera if treated else 1000 + camera, treated, fails))
    alpha, planned = 0.005, 10_000
    height = math.log(planned / alpha)
    excursion, path, ends, how = [], [], None, None
    seen = {}
    for index, (camera, treated, fails) in enumerate(events, 1):
        before = seen.setdefault(camera, [0, 0])
        before[0] += fails
        before[1] += 1
        # A camera that failed often before this excursion is not listened to.
        often = before[0] > 10 and before[0] * 5 > before[1]
        if not (often and not any(c == camera and t and f for c, t, f, *_ in excursion)):
            parts = min(3, max(1, sum(c < 1000 for c in seen)))
            if treated and (fails or excursion):
                excursion.append((camera, treated, fails, parts))
            elif excursion:
                excursion.append((camera, treated, fails, parts))
            # Added up from the first event of the excursion on.
            added, drained, total, alive = {}, 0.0, 0.0, False
            for place, (c, t, f, then) in enumerate(excursion):
                if not t:
                    continue
                def capped(parts_then):
                    return math.fsum(min(v, height / parts_then) for v in added.values())
                if place and alive:
                    total = capped(then) - drained
                    if total > height - 1e-9:
                        drained, total = capped(then) - height, height
                    alive = total > 0
                    if not alive:
                        added, drained, total = {}, 0.0, 0.0
                if f:
                    if total < height:
                        added[c] = min(added.get(c, 0.0) + UP, height)
                    alive = True
                elif alive:
                    drained -= DOWN
                total = max(capped(then) - drained, 0.0)
                if total > height - 1e-9:
                    drained, total = capped(then) - height, height
                if total <= 0:
                    alive, added, drained = False, {}, 0.0
            if not alive:
                excursion = []
                total = 0.0
        else:
            total = path[-1] if path else 0.0
        path.append(total)
        failed = {c for c, t, f, *_ in excursion if t and f}
        control = [f for _, t, f, *_ in excursion if not t]
        reached = any(v >= height - 1e-9 for v in path[len(path) - len(excursion):]) if excursion else False
        if reached and len(control) >= 3 and sum(control) * 2 >= len(control):
            ends, how = index, "outage"
        elif total >= height - 1e-9 and len(control) >= 3 and len(failed) >= 3:
            ends, how = index, "rolled_back"
        if ends:
            path[-1] = 0.0 if how == "outage" else path[-1]
            break
    events = events[: ends or length]
    return {
        "in": {
            "camera": [c for c, _, _ in events],
            "treated": [int(t) for _, t, _ in events],
            "failed": [int(f) for _, _, f in events],
        },
        "out": {"sum": path, "ends_1based": ends, "rolled_back": how == "rolled_back", "outage": how == "outage"},
    }


def group(name, source, cases, rel=1e-9, absolute=1e-10):
    cases = [case for case in cases if case]
    return {"id": name, "source": source, "tolerance": {"rel": rel, "abs": absolute}, "cases": cases}


groups = [
    group("ramp_strata", "leave one camera out of all strata, by computing again",
          [strata_case(n, ratio) for ratio in (False, True) for n in (6, 8, 12, 20, 50) for _ in range(3)]),
    group("switchback_jackknife", "leave one block out, by computing again",
          [switchback_case(c, b, p) for c, b, p in
           [(1, 8, 0), (2, 6, 0.2), (4, 10, 0), (4, 12, 0.2), (8, 12, 0.05), (8, 6, 0.3), (20, 8, 0.1), (3, 2, 0)]]),
    group("cameras_failing", "math.comb and fractions: every draw of the split counted", [draws_case(*counts) for counts in
          [(3, 3, 0, 3), (4, 4, 1, 4), (7, 10, 3, 10), (10, 10, 10, 10), (0, 5, 3, 5), (7, 7, 1, 7), (9, 10, 2, 30),
           (40, 64, 30, 64), (64, 64, 0, 64), (2, 18, 0, 2)]]),
    group("fast_path_cameras", "added up from the events of the excursion at each of them",
          [fast_path_case(c, n, t, k, f) for c, n, t, k, f in
           [(4, 200, 1.0, 0.02, 0), (10, 200, 1.0, 0.02, 0), (10, 400, 0.9, 0.02, 0.5), (2, 120, 1.0, 0.0, 0.8),
            (10, 300, 1.0, 1.0, 0), (6, 400, 0.5, 0.1, 0.3), (25, 400, 0.3, 0.3, 0), (5, 300, 0.8, 0.4, 0.6),
            (8, 400, 0.6, 0.02, 0.9), (20, 200, 0.95, 0.2, 0.2)]]),
]
print(json.dumps({"meta": {"by": "decisions.py, Python 3, standard library"}, "groups": groups}, indent=None, separators=(",", ":")))
