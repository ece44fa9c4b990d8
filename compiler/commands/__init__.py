"""The verbs of `deepmetal`, one module each or one for a family.

A module here has `register(subparsers)`: it adds its parser and sets `command` to a function from the parsed arguments
to the exit status. Packages elsewhere add verbs in the same way, as functions in the entry-point group
`deepmetal.commands`. Heavy imports belong into the command: `deepmetal --help` loads every module.
"""
