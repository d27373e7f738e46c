"""Evals: candidates answer frozen rows, scorers judge, statistics decide, a failure points back at rows.

Everything that decides is frozen before the first answer; every verdict can be computed again from the folder.
"""
