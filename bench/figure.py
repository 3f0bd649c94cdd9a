# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What a benchmark gives: figures, each with its goal and what exactly was measured."""
import dataclasses
import math
import statistics

HIGHER, LOWER = "higher", "lower"


@dataclasses.dataclass
class Figure:
    """One number. `goal` None: for information. `why`: a line for when the goal is missed."""

    name: str
    value: float
    unit: str
    goal: float | None
    better: str
    what: str
    why: str = ""

    @property
    def ok(self):
        if self.goal is None:
            return None
        return self.value >= self.goal if self.better == HIGHER else self.value <= self.goal

    def for_json(self):
        return {"name": self.name, "value": float(f"{self.value:.4g}"), "unit": self.unit,
                "goal": self.goal, "better": self.better, "ok": self.ok}


def ratio(name, value, goal, better, what, why=""):
    return Figure(name, value, "ratio", goal, better, what, why)


def percentile(values, percent):
    """By nearest rank: of 100 values, the 99th percentile is the second largest."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def ms(values):
    """The median of seconds, as text."""
    return f"{statistics.median(values) * 1000:.1f} ms"
