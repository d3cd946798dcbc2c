"""Check, hint, solution: the exercises of the lessons.

An exercise is a value: how an answer is tested, hints, one solution, and the wrong answers that people really
give, each with the words that help. What the learner is asked stands in the notebook only.
"""

from .engine import Exercise, Verdict, Wrong, call, check, exercise, exercises, hint, solution

__all__ = ["Exercise", "Verdict", "Wrong", "call", "check", "exercise", "exercises", "hint", "solution"]
