"""report.py - what was measured against what was aimed at."""
import json
import statistics


def spread(values, unit):
    """Median and range of the rounds: "0.98x (0.95-1.02)"."""
    middle = statistics.median(values)
    low, high = number(min(values)), number(max(values))
    return f"{number(middle)}{unit} ({low}-{high})"


def number(value):
    """Three significant digits or all of the whole part: 0.0123, 1.23, 12.3, 123456."""
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or size == 0 else f"{value:.3f}"


def ratios(ours, theirs):
    """One ratio per round; both sides of a round were measured one right after the other."""
    return [a / b for a, b in zip(ours, theirs)]


class Aim:
    """A target, such as Aim(">=", 0.85, stretch=1.0)."""

    def __init__(self, sign, target, stretch=None):
        self.sign, self.target, self.stretch = sign, target, stretch

    def _reached(self, value, bound):
        return value >= bound if self.sign == ">=" else value <= bound

    def verdict(self, value):
        if not self._reached(value, self.target):
            return "MISS"
        if self.stretch is not None and self._reached(value, self.stretch):
            return "OK, stretch"
        return "OK"

    def __str__(self):
        text = f"{self.sign} {self.target:g}"
        return text if self.stretch is None else f"{text} ({self.stretch:g})"


class Report:
    """Lines of figures, grouped under headings; printed as they come, kept for JSON."""

    def __init__(self, out):
        self.out, self.rows, self.failures = out, [], []
        self.subject, self.group = None, None

    def start_subject(self, subject, title):
        self.subject = subject
        self.out(f"\n{subject}. {title}")

    def start_group(self, title, columns=("median (min-max)", "target (stretch)")):
        self.group = title
        self.out(f"\n   {title}\n   {'':44}{columns[0]:30}{columns[1]:18}")

    def add(self, name, values, unit="x", aim=None, note="", samples=None):
        """One line: values are one figure per round, in unit ("x": a ratio)."""
        middle = statistics.median(values)
        verdict = aim.verdict(middle) if aim else ""
        row = {"subject": self.subject, "group": self.group, "name": name, "unit": unit,
               "median": middle, "min": min(values), "max": max(values), "rounds": list(values),
               "target": str(aim) if aim else None, "verdict": verdict or None, "note": note,
               "samples": samples or {}}
        self.rows.append(row)
        goal = str(aim) if aim else "-"
        line = f"   {name:44}{spread(values, unit):30}{goal:18}{verdict:13}{note}"
        self.out(line.rstrip())

    def fail(self, what, why):
        """Something could not be measured; the run goes on."""
        self.failures.append({"subject": self.subject, "what": what, "why": str(why)})
        self.out(f"   {what}: NOT MEASURED: {why}")

    def summary(self):
        counts = {"OK": 0, "OK, stretch": 0, "MISS": 0}
        for row in self.rows:
            if row["verdict"]:
                counts[row["verdict"]] += 1
        self.out(f"\n{counts['OK'] + counts['OK, stretch']} targets reached "
                 f"({counts['OK, stretch']} with their stretch figure), {counts['MISS']} missed"
                 + (f", {len(self.failures)} not measured" if self.failures else "") + ".")
        for row in self.rows:
            if row["verdict"] == "MISS":
                self.out(f"  MISS {row['subject']}. {row['group']}: {row['name']} "
                         f"{spread(row['rounds'], row['unit'])}, target {row['target']}")

    def save(self, path, machine):
        with open(path, "w") as file:
            json.dump({"machine": machine, "rows": self.rows, "failures": self.failures}, file,
                      indent=1)
            file.write("\n")
