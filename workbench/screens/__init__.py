"""The screens, in the order of the loop. A screen reads state, calls the core and shows what it said."""
