"""An SQLite connection that dies before a given statement or commit, for the exercises that have to bear that."""

import sqlite3


class PowerCut(BaseException):
    """The process dies here; not an Exception, as no handler could catch that."""


class Mortal(sqlite3.Connection):
    """A connection that dies before its n-th statement or commit.

    Once dead it stays so: a handler that catches everything does not go on.

    Attributes:
        steps: How many statements and commits it lives for; None for ever.
        looked: Called after each statement that only looks, such as by others who look at the same moment.
    """

    steps = None
    looked = None

    def cursor(self, _=None):
        return super().cursor(_Cursor)

    def execute(self, *arguments):
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments):
        return self.cursor().executemany(*arguments)

    def executescript(self, script):
        return self.cursor().executescript(script)

    def commit(self):
        self.step()
        super().commit()

    def __exit__(self, kind, *rest):
        if kind is None:
            self.step()
        return super().__exit__(kind, *rest)

    @property
    def dead(self):
        return self.steps is not None and self.steps < 0

    def step(self):
        if self.steps is not None:
            self.steps -= 1
            if self.dead:
                raise PowerCut


class _Cursor(sqlite3.Cursor):
    """Where each statement of a `Mortal` goes through, whether the learner made the cursor or the connection did."""

    _changed = None  # the rows that an executemany has changed

    @property
    def rowcount(self):
        return super().rowcount if self._changed is None else self._changed

    def execute(self, sql, *arguments):
        self._changed = None
        self.connection.step()
        result = super().execute(sql, *arguments)
        if self.connection.looked and self.description and "RETURNING" not in sql.upper():
            self.connection.looked()
        return result

    def executemany(self, sql, rows):
        changed = 0
        for row in rows:
            self.execute(sql, row)
            changed += max(0, super().rowcount)
        self._changed = changed  # of all, as sqlite3's own has it
        return self

    def executescript(self, script):
        """Commit what is open, as sqlite3's own does, and die between two statements of the script as anywhere else."""
        if self.connection.in_transaction:
            self.connection.commit()
        isolation, self.connection.isolation_level = self.connection.isolation_level, None
        statement = ""
        try:
            for part in script.split(";"):
                statement += part + ";"
                if sqlite3.complete_statement(statement):
                    if statement.strip(" \n;"):
                        self.execute(statement)
                    statement = ""
        finally:
            if not self.connection.dead:
                self.connection.isolation_level = isolation
        return self
