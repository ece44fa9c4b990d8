"""The built object taken apart: which instruction stands for which line, what lies where, what is executed."""
