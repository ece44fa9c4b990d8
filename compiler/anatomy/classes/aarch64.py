"""Armv8-A: integers, scalar floating point, and NEON, which names lanes (`v0.4s`)."""

MACHINE = "EM_AARCH64"

RULES = (
    ("load", r"(?:ldr|ldur|ldp|ldnp|ldxr|ldar|ldax|ld[1-4])\w* \s"),
    ("store", r"(?:str|stur|stp|stnp|stxr|stlr|stlx|st[1-4])\w* \s"),
    ("vector", r"\w+ \s .*\bv\d+\.\d*[bhsd]"),
    ("branch", r"(?:b|bl|br|blr|ret|cbz|cbnz|tbz|tbnz|b\.\w+) (?:\s|$)"),
    ("multiply", r"(?:mul|mneg|[su]mull|[su]mulh|[su]mnegl|fmul|fnmul) \s"),
    ("mac", r"(?:madd|msub|[su]maddl|[su]msubl|fn?m(?:add|sub)) \s"),
    ("compare", r"(?:cmp|cmn|tst|ccmp|ccmn|fcmpe?|fccmpe?) \s"),
    ("move", r"(?:mov[nzk]?|mvn|movi|fmov|csel|csinc|csinv|csneg|csetm?|cinc|cinv|cneg|fcsel|dup) \s"),
    ("other", r"(?:nop|hint|dmb|dsb|isb|mrs|msr|svc|brk|hlt|udf|paciasp|autiasp|bti|prfm|prfum|yield) (?:\s|$)"),
    ("float", r"(?:f[a-z]+\w*|[su]cvtf) \s"),
    ("alu", r"(?:add|sub|neg|adc|sbc|ngc|adr|and|orr|orn|eor|eon|bic|lsl|lsr|asr|ror|extr|rev|rbit|clz|cls)"),
    ("alu", r"(?:[su]xt|[su]?bfx|[su]?bfi|bfxil|bfc|[su]bf[mi]z?|[su]div|ubfiz|sbfiz|abs)"),
)
