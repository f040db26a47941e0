"""Steps that need no server: reading, dumping, and what is done with dumps."""

from .measure import run
from .results import Step, total

LEVELS = (1, 3)


def dump_limit(level, cores):
    """A dump cannot be faster than one reader, nor than zstd on all cores."""
    return lambda samples: max(samples["scan columns"].seconds, samples[f"zstd L{level}"].seconds / cores)


def squash_limit(cores):
    """A squash cannot be faster than zstd on all cores: decompressing all, compressing what deltas touch."""
    return lambda samples: samples["zstd squash"].seconds / cores


class FileSteps:
    """The steps for one Place. is_large: only what the plots and the goals need."""

    def __init__(self, place, is_large):
        self.place = place
        self.is_large = is_large

    def steps(self):
        slow = self.place.database.stat().st_size > 1 << 29     # what is measured once where it takes long
        steps = [
            Step("scan columns", "every value by sqlite3_column_*", lambda: self.scan("columns"), "limit"),
            Step("scan sink", "every row by an aggregate function", lambda: self.scan("sink"), "limit"),
        ]
        for level in LEVELS[-1:] if self.is_large else LEVELS:
            steps.append(Step(f"dump L{level}", f"valise-dump --level {level}", lambda n=level: self.dump(n),
                              limit=dump_limit(level, self.place.cores), parts=("scan sink", f"zstd L{level}")))
            steps.append(Step(f"zstd L{level}", "the same blocks, CPU of one core", lambda n=level: self.compress(n),
                              "limit", needs=(f"dump L{level}",)))
        steps += [
            Step("delta dump", "valise-dump --base, of a changed version", lambda: self.delta("all"),
                 limit=total("scan columns"), parts=("scan sink",), needs=("dump L3",)),
            Step("verify file", "valise verify FULL", self.verify, needs=("dump L3",)),
            Step("squash", "valise squash FULL DELTA", self.squash, limit=squash_limit(self.place.cores),
                 needs=("dump L3", "delta dump")),
            Step("zstd squash", "all that is read, and what is made anew", self.compress_squashed, "limit",
                 needs=("squash",)),
            Step("fill SQLite", "prepared INSERT of all rows, then the indexes", self.fill, "limit", once=slow),
            Step("restore", "valise restore FULL", self.restore, limit=total("fill SQLite"), once=slow,
                 needs=("dump L3",)),
        ]
        return steps

    def scan(self, way):
        return run([self.place.program("tests/bench/limit_scan"), way, str(self.place.database)])

    def dump(self, level):
        path = self.place.dump_of(level)
        return self.place.writing(path, [self.place.program("dump/valise-dump"), "--level", str(level), "-o", str(path),
                                         str(self.place.database)])

    def compress(self, level):
        """zstd of the blocks that the dump of this round holds; the time is CPU time of one core."""
        sample = run([self.place.program("tests/bench/limit_compress"), str(level), str(self.place.dump_of(level))])
        sample.seconds = sample.cpu_seconds = sample.facts["cpu_seconds"]
        sample.file_bytes = sample.facts["packed_bytes"]
        return sample

    def delta(self, what):
        path = self.place.delta_of(what)
        sample = self.place.writing(path, [self.place.program("dump/valise-dump"), "--base", str(self.place.dump_of(3)),
                                           "-o", str(path), str(self.place.changed(what))])
        sample.rows = self.place.changed_rows(what)
        return sample

    def verify(self):
        return run([self.place.program("tools/valise"), "verify", str(self.place.dump_of(3))])

    def squash(self):
        path = self.place.file("squashed.valise")
        return self.place.writing(path, [self.place.program("tools/valise"), "squash", "-o", str(path),
                                         str(self.place.dump_of(3)), str(self.place.delta_of("all"))])

    def compress_squashed(self):
        """zstd of what the squash of this round read and made; the time is CPU time of one core."""
        sample = run([self.place.program("tests/bench/limit_squash"), "3", str(self.place.file("squashed.valise")),
                      str(self.place.dump_of(3)), str(self.place.delta_of("all"))])
        sample.seconds = sample.cpu_seconds = sample.facts["cpu_seconds"]
        return sample

    def fill(self):
        path = self.place.file("filled.db")
        sample = self.place.writing(path, [self.place.program("tests/bench/limit_restore"), str(self.place.database),
                                           str(path)])
        path.unlink()
        return sample

    def restore(self):
        path = self.place.file("restored.db")
        sample = self.place.writing(path, [self.place.program("tools/valise"), "restore", "-o", str(path),
                                           str(self.place.dump_of(3))])
        path.unlink()
        return sample
