"""RISC-V: I, M, F, D, C (printed under the names of the long forms) and V."""

MACHINE = "EM_RISCV"

RULES = (
    ("load", r"(?:c\.)? (?:l[bhwd]u?|fl[hwd])(?:sp)? \s"),
    ("store", r"(?:c\.)? (?:s[bhwd]|fs[hwd])(?:sp)? \s"),
    ("load", r"vl (?:e\d+(?:ff)?|se\d+|[uo]xei\d+|m|\d+r(?:e\d+)?|s?seg\w+) \.v"),
    ("store", r"vs (?:e\d+|se\d+|[uo]xei\d+|m|\d+r|s?seg\w+) \.v"),
    ("vector", r"v[a-z]"),
    ("mac", r"fn?m(?:add|sub)\.[hsd]"),
    ("multiply", r"(?:c\.)? mul(?:h|hu|hsu|w)? \s | fmul\.[hsd]"),
    ("compare", r"(?:slt|slti|sltu|sltiu|seqz|snez|sltz|sgtz) \s | (?:feq|flt|fle|fgt|fge|fclass)\.[hsd]"),
    ("branch", r"(?:c\.)? (?:b(?:eq|ne|lt|ge|gt|le)u?z?|j|jal|jr|jalr|ret|call|tail|mret) (?:\s|$)"),
    ("move", r"(?:c\.)? (?:mv|li|lui|fmv\S*) \s"),
    ("other", r"(?:c\.)? (?:nop|ecall|ebreak|fence\S*|unimp|wfi|csr\w+|rd(?:cycle|instret|time)h?) (?:\s|$)"),
    ("other", r"f[rs] (?:csr|rm|flags)i? \s"),
    ("float", r"f[a-z]+(?:\.[a-z]+)+ \s"),
    ("alu", r"(?:c\.)? (?:add|sub|neg|auipc|and|or|xor|not|s[lr]l|sra|div|rem)"),
    ("alu", r"sext|zext|sh\dadd|min|max|clz|ctz|cpop|rol|ror|rev8|orc"),
)
