"""What was measured for one size of database, and the ratios that follow from it."""

import statistics
from dataclasses import asdict, dataclass, field

from .measure import Failure, Sample


@dataclass
class Step:
    """Something that is measured: function returns its Sample.

    limit(round), the seconds that it is compared with, takes a dict of the samples of one round by their steps' names.
    parts are the limits that the step cannot do without; its CPU time is compared with the sum of theirs.
    needs are the steps that leave behind what it begins with.
    """

    name: str
    about: str
    function: object
    kind: str = "ours"          # or "limit", "peer"
    limit: object = None
    parts: tuple = ()
    once: bool = False          # in the first round only
    needs: tuple = ()


def chosen(steps, is_wanted):
    """The steps whose names are wanted, and those that they need, in their order."""
    wanted = {step.name for step in steps if is_wanted(step.name)}
    for step in reversed(steps):    # what a step needs comes before it
        if step.name in wanted:
            wanted.update(step.needs)
    return [step for step in steps if step.name in wanted]


def total(*names):
    """A limit: the seconds of these steps together."""
    return lambda samples: sum(samples[name].seconds for name in names)


@dataclass
class Results:
    """All rounds of one size, each a dict of samples by step; a step that was not measured is missing in it."""

    database_bytes: int
    row_count: int
    rounds: list = field(default_factory=list)
    missing: dict = field(default_factory=dict)     # step: why it was not measured

    def has(self, *names):
        """Was each of them measured?"""
        return all(self.samples(name) for name in names)

    def samples(self, name):
        return [samples[name] for samples in self.rounds if name in samples]

    def sums(self, *names):
        """The seconds of these steps together in each round that has them all."""
        return [sum(samples[name].seconds for name in names) for samples in self.rounds
                if all(name in samples for name in names)]

    def median(self, name, what="seconds"):
        return statistics.median(getattr(sample, what) for sample in self.samples(name))

    def spread(self, name):
        """Smallest and largest time."""
        seconds = [sample.seconds for sample in self.samples(name)]
        return min(seconds), max(seconds)

    def peak(self, *names):
        """The most memory that any run of these steps took, in bytes."""
        return max(sample.rss_bytes for name in names for sample in self.samples(name))

    def ratio(self, name, limit):
        """Median over the rounds of the step's seconds against limit(round), as both saw the same machine."""
        ratios = []
        for samples in self.rounds:
            try:
                ratios.append(samples[name].seconds / limit(samples))
            except KeyError:    # one of them was not measured in this round
                continue
        return statistics.median(ratios) if ratios else None

    def against(self, name, other):
        """The step's seconds against another's that may have been measured in fewer rounds."""
        return self.ratio(name, total(other))

    def cpu(self, name):
        """CPU seconds of client and server."""
        return self.median(name, "cpu_seconds") + self.median(name, "server_cpu_seconds")

    def cpu_ratio(self, step):
        """CPU against that of the step's parts; None where it has none. Tells little of waiting, but holds when
        other programs slow the machine down."""
        if not step.parts or not self.has(*step.parts):
            return None
        return self.cpu(step.name) / sum(self.cpu(part) for part in step.parts)

    def as_data(self):
        """For JSON."""
        rounds = [{name: asdict(sample) for name, sample in samples.items()} for samples in self.rounds]
        return {"database_bytes": self.database_bytes, "row_count": self.row_count, "rounds": rounds,
                "missing": self.missing}

    @classmethod
    def of_data(cls, data):
        """What as_data returned."""
        rounds = [{name: Sample(**sample) for name, sample in samples.items()} for samples in data["rounds"]]
        return cls(data["database_bytes"], data["row_count"], rounds, data["missing"])


def measure(steps, results, rounds, tell, begin_round=lambda: None):
    """Runs every step once a round; tell(text) says what was done. A peer that fails is missing, and the run goes on."""
    for number in range(1, rounds + 1):
        begin_round()
        samples = {}
        results.rounds.append(samples)
        for step in steps:
            if step.once and number > 1:
                continue
            try:
                samples[step.name] = step.function()
            except Failure as failure:
                if step.kind != "peer":
                    raise
                results.missing[step.name] = str(failure)
                tell(f"{step.name} failed: {failure}")
                continue
            tell(f"round {number}: {step.name}: {samples[step.name].seconds:.2f} s")
