"""Check, hint, solution: the exercises of the lessons.

An exercise is a value: how an answer is tested, with words that help for each way to be wrong, hints, and one
solution. What the learner is asked stands in the notebook only; the wrong answers that people really give stand
with the tests.
"""

from .engine import Exercise, Verdict, Wrong, call, check, exercise, exercises, hint, solution

__all__ = ["Exercise", "Verdict", "Wrong", "call", "check", "exercise", "exercises", "hint", "solution"]
