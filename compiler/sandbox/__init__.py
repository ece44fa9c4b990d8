"""What confines code that somebody else wrote: a hostile model's importer, a user's `model.py`, built programs.

limits.py      level L1: bounds on CPU, memory, files, processes; no new privileges
landlock.py    level L2: which files may be touched
seccomp.py     level L2: which system calls may be made     (syscalls.py: their numbers)
user.py        a process of root's gives its rights away first
confine.py     all of it together, in the process that calls it
self_test.py   tries what must not work; probe.py runs that in a process and so finds the level of this computer
once.py        one call in a confined process of its own
"""
