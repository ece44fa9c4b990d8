"""x86-64 in the syntax of AT&T: the destination comes last, memory has parentheses or a segment.

An instruction that computes with an operand in memory counts as what it computes.
"""

MACHINE = "EM_X86_64"

_MOVE = r"v? mov [a-z0-9]*"
_INTO_MEMORY = r"(?: [^(]* \([^)]*\) | .*,%[fg]s:\w+ ) (?:\{%\w+\})? (?:\s→.*)? $"
_FROM_MEMORY = r"(?: [^,(]* \([^)]*\) (?:\s→.*)? | %[fg]s:\S* ) ,"

RULES = (
    ("load", rf"(?:{_MOVE}|v?p?broadcast\w+) \s {_FROM_MEMORY}"),
    ("store", rf"(?:{_MOVE}|v?p?extract?\w+) \s {_INTO_MEMORY}"),
    ("store", r"push[qlw]? \s | rep\w*\s(?:stos|movs)"),
    ("load", r"pop[qlw]? \s | leave"),
    ("branch", r"(?:bnd\s|notrack\s)? (?:j[a-z]+|call\w?|ret\w?|loop\w*) (?:\s|$)"),
    ("mac", r"v?fn?m(?:add|sub)\d+s[sdh]"),
    ("vector", r"v?fn?m(?:add|sub)\w*p[sdh]"),
    ("multiply", r"(?:i?mul[bwlq]?|mulx\w?|v?muls[sdh]) \s"),
    ("compare", r"(?:cmp[bwlq]?|test[bwlq]?|set[a-z]+|v?u?comis[sd]|v?cmp\w*s[sd]|bt[lqw]?) \s"),
    ("move", rf"(?:{_MOVE}|cmov\w+|xchg\w?|kmov\w) \s"),
    ("float", r"v?(?:add|sub|div|sqrt|max|min|round|rcp|rsqrt|rndscale)s[sdh] | f[a-z]+"),
    ("float", r"v?cvt\w* (?:2s[sdih]|s[sdh]2) \w*"),
    ("vector", r"v\w+ | [a-z]+\d*p[sdi]\b | (?:unpck|shuf|insert|extract|blend|movmsk|cvt)\w* | k[a-z]+[bwdq]\s"),
    ("vector", r"p(?:add|sub|mul|madd|and|or|xor|cmp|min|max|s[rl]l|sra|shuf|unpck|ack|blend|avg|abs|sign|align) \w*"),
    ("vector", r"p(?:insr|extr|test|mov) \w*"),
    ("other", r"(?:nop\w?|endbr64|data16|cs\s|hlt|ud2|cpuid|pause|[lm]fence|xgetbv|syscall|int3) (?:\s|$)?"),
    ("alu", r"(?:add|sub|adc|sbb|neg|inc|dec|lea|and|or|xor|not|andn) [bwlq]?\s"),
    ("alu", r"(?:sh[lr]|sa[lr]|ro[lr]|sh[lr]x|sarx|rorx|shld|shrd) [bwlq]?\s"),
    ("alu", r"i?div[bwlq]?\s | c[lwqd]t[lqdo]? | cqto|cltd|cltq|cwtl|cbtw"),
    ("alu", r"bs[fr]|bswap|[lt]zcnt|popcnt|bt[srcl]|blsr|blsi|bextr|bzhi"),
)
