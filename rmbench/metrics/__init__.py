"""The statistics: plain numpy functions, and the catalogue of named metrics over them.

Importing a module of this package costs numpy and ``scipy.special``; the slower parts
of scipy are imported by the functions that solve an equation.
"""
