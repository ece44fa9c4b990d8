"""Compilers, linkers and emulators of others: finding them, running them within limits, reading their results."""
