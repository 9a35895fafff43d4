"""Writes synthetic.jsonl: invented detection events, what a good answer to each is, and what three invented prompts said.

    python3 scenarios/evaluate/synthetic.py > scenarios/evaluate/synthetic.jsonl

No model was asked. 24 scenarios of 6 to 8 cases, 168 in all; cases of one scenario share how hard they are, and how much a
prompt helps there. `calibrated_system` is the control of both experiments that ship. `rubric_enhanced` scores better and
takes as long. `reasoning_enabled` scores better too, takes more than twice as long, and writes prose around its JSON now and
then. Some calls time out, some cases were not sent to every prompt, and some answers come parsed already.
"""

import json
import math
import random
import sys

SCENARIOS = [
    # name, what happens, true level
    ("porch_parcel", "a courier leaves a parcel at the door", "low"),
    ("mail_carrier", "a mail carrier fills the letter box", "low"),
    ("neighbour_greets", "a neighbour waves at the camera", "low"),
    ("cat_on_wall", "a cat walks along the garden wall", "low"),
    ("fox_at_night", "a fox crosses the lawn after midnight", "low"),
    ("rain_on_lens", "heavy rain blurs the picture", "low"),
    ("branch_in_wind", "a branch swings through the picture", "low"),
    ("children_play", "children play ball in the drive", "low"),
    ("gardener_works", "a gardener cuts the hedge by the window", "low"),
    ("car_turns", "a car turns in the drive and leaves", "medium"),
    ("seller_rings", "a stranger rings, waits, and looks around", "medium"),
    ("lingering_at_gate", "somebody stands at the gate for minutes", "medium"),
    ("photographs_house", "a passer-by photographs the house", "medium"),
    ("parcel_taken", "somebody carries a parcel off the porch", "high"),
    ("handle_tried", "somebody tries the handle of a parked car", "high"),
    ("torch_at_window", "a torch shines through the back window", "high"),
    ("climbs_fence", "somebody climbs over the back fence", "high"),
    ("hooded_at_door", "a hooded person crouches at the lock", "high"),
    ("bin_on_fire", "flames rise from a waste bin", "critical"),
    ("glass_breaks", "a window is broken with a stone", "critical"),
    ("crowbar_at_door", "somebody forces the door with a crowbar", "critical"),
    ("person_collapses", "a person falls and does not get up", "critical"),
    ("shed_at_dusk", "a shadow moves by the shed at dusk", "medium"),
    ("unknown_van", "a van without plates stops twice", "medium"),
]
RANGES = {"low": (0, 29), "medium": (30, 59), "high": (60, 84), "critical": (85, 100)}
MIDDLES = {"low": 14, "medium": 45, "high": 72, "critical": 93}


def level_of(score):
    return next(level for level, (low, high) in RANGES.items() if low <= score <= high)


def answer(draw, prompt, truth, hardness, help_here):
    """One answer; `help_here` is what the newer prompts gain in this scenario."""
    spread, median_ms, prose, cut, timeout, parsed = {
        "calibrated_system": (17.0, 820.0, 0.012, 0.012, 0.012, 0.3),
        "rubric_enhanced": (8.5, 835.0, 0.006, 0.012, 0.018, 0.3),
        "reasoning_enabled": (7.5, 2050.0, 0.095, 0.03, 0.03, 0.0),
    }[prompt]
    latency = round(median_ms * math.exp(0.05 * hardness) * math.exp(draw.gauss(0, 0.22)), 1)
    if draw.random() < timeout:
        return {"error": "timed out", "latency_ms": 30000}
    bias = 9.0 * hardness - (help_here if prompt != "calibrated_system" else 0.0)
    score = min(100, max(0, round(MIDDLES[truth] + bias + draw.gauss(0, spread))))
    level = level_of(score)
    # Now and then the words do not follow from the number.
    if draw.random() < 0.06:
        level = draw.choice(sorted(RANGES))
    if draw.random() < parsed:
        return {"risk_score": score, "risk_level": level, "latency_ms": latency}
    text = json.dumps({"risk_score": score, "risk_level": level, "summary": "synthetic"})
    fate = draw.random()
    if fate < prose:
        text = "Let me think about what is seen here.\n" + text
    elif fate < prose + cut:
        text = text[: len(text) // 2]
    return {"text": text, "latency_ms": latency}


def main():
    draw = random.Random(20260302)
    for place, (scenario, note, truth) in enumerate(SCENARIOS):
        hardness = draw.gauss(0, 1)
        help_here = max(-6.0, draw.gauss(8.0, 6.0)) * (1 if hardness > 0 else -1)
        for number in range(1, 7 + place % 3):
            low, high = RANGES[truth]
            answers = {}
            for prompt in ["calibrated_system", "rubric_enhanced", "reasoning_enabled"]:
                given = answer(draw, prompt, truth, hardness, help_here)
                if draw.random() >= 0.015:
                    answers[prompt] = given
            case = {
                "id": f"{scenario}-{number}",
                "scenario": scenario,
                "note": note,
                "expected": {"score": {"min": low, "max": high}, "level": truth},
                "answers": answers,
            }
            json.dump(case, sys.stdout, separators=(",", ":"))
            print()


if __name__ == "__main__":
    main()
