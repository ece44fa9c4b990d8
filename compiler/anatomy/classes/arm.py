"""Armv6-M to Armv8.1-M: Thumb, DSP, scalar floating point (names begin with v), Helium (the same names on q registers).

Mnemonics carry a condition inside IT blocks (`movge`) and a width (`.n`, `.w`).
"""

MACHINE = "EM_ARM"

_END = r"(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)? (?:\.[nw])? (?:\s|$)"
_TYPE = r"(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al)? (?:\.\w+)* (?:\s|$)"

RULES = (
    ("load", rf"(?:ldr|ldm|pop|vld|vpop)\w* {_TYPE}"),
    ("store", rf"(?:str|stm|push|vst|vpush)\w* {_TYPE}"),
    ("vector", r"v\w+ (?:\.\w+)* \s .*\bq[0-9]"),
    ("vector", r"(?:vpt|vpst|vpnot|vctp|vmsr\s+p0|vmrs\s+\w+,\sp0)"),
    ("branch", rf"(?:b|bl|bx|blx|bxns|blxns|cbz|cbnz|tbb|tbh) {_END}"),
    ("branch", r"(?:dls|wls|dlstp|wlstp|le|letp|bf|bfl|bfx|bflx|bfcsel) (?:\.\d+)? \s"),
    ("multiply", rf"(?:muls?|[su]mull|smul[bt][bt]|smulw[bt]|smmulr?|smuadx?|smusdx?|vmul|vnmul) {_TYPE}"),
    ("mac", rf"(?:mla|mls|[su]mlal|smlal?[bt][bt]|smlaw[bt]|umaal|sml[as]l?dx?|smml[as]r?) {_END}"),
    ("mac", rf"(?:vmla|vmls|vnmla|vnmls|vfma|vfms|vfnma|vfnms) {_TYPE}"),
    ("compare", rf"(?:cmp|cmn|tst|teq|vcmpe?|vmrs) {_TYPE}"),
    ("move", rf"(?:movs?|movw|movt|mvns?|cpy|vmov|vsel\w\w|csel|csinc|csinv|csneg|cset|csetm|cinc|cinv|cneg) {_TYPE}"),
    ("float", r"v(?:add|sub|div|sqrt|neg|abs|cvt|rint|max|min)"),
    ("other", r"(?:nop|it[te]*|dsb|dmb|isb|bkpt|svc|udf|cps|mrs|msr|vmsr|wf[ei]|sev|yield|pld)\w* (?:\.\w+)? (?:\s|$)"),
    ("alu", r"(?:add|sub|rsb|adc|sbc|neg|adr|and|orr|orn|eor|bic|lsl|lsr|asr|ror|rrx|rev|rbit|clz)"),
    ("alu", r"(?:[us]xt|[us]bfx|bfi|bfc|[us]sat|[us]div|sel\b|pkh|usad|q(?:add|sub|asx|sax|dadd|dsub))"),
    ("alu", r"(?:[su]h?|uq)(?:add|sub|asx|sax)(?:8|16)?\b"),
)
