"""Training: a recipe on a frozen version becomes an adapter or a model, in a process and a folder of its own.

What is trained on is what the preflight showed; no run begins without a baseline.
"""
