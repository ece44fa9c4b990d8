"""The codes of the service's own errors; `compiler/errors_catalog/` explains each."""

NOT_FOUND = "E0901"
INVALID_REQUEST = "E0902"
TOO_LARGE = "E0903"
DISK_FULL = "E0904"
UNKNOWN_MODEL = "E0905"
IDEMPOTENCY = "E0906"
NOT_READY = "E0907"
FOREIGN_HOST = "E0908"
FOREIGN_ORIGIN = "E0909"
METHOD = "E0910"
UNAVAILABLE = "E0911"
INTERNAL = "E0912"
UNKNOWN_TARGET = "E1001"  # as on the command line
INVALID_OPTION = "E1002"  # as on the command line
WORKER_LOST = "E0920"
TOO_SLOW = "E0921"
CHILD_DIED = "E0922"
BAD_RESULT = "E0923"
STORE_FAILED = "E0924"
BUG = "E9901"  # as on the command line
