"""Small C functions behind loop IR operations that C leaves undefined or has no operator for."""

from __future__ import annotations

from collections.abc import Mapping

_BITS = """static inline {to} {name}({frm} x)
{{
    union {{ {frm} in; {to} out; }} u;
    u.in = x;
    return u.out;
}}"""

_ABS = """static inline {t} {name}({t} x)
{{
    union {{ {t} f; {u} i; }} u;
    u.f = x;
    u.i &= {mask};
    return u.f;
}}"""

_DIV = """static inline {t} {name}({t} a, {t} b)
{{
    return ({t})(b == 0 ? 0 : b == -1 ? {negated} : a {op} b);
}}"""

_SHIFT = """static inline {t} {name}({t} a, {t} b)
{{
    return ({t})(({u})a {op} (b & {mask}));
}}"""

_TO_INT = """/* truncates; saturates, NaN gives 0 */
static inline {t} {name}({f} x)
{{
    return x >= {above} ? {high} : x >= {low_bound} ? ({t})x : x < {low_bound} ? {low} : 0;
}}"""

_SQRT = """/* correctly rounded, from the processor's instruction where it has one */
static inline {t} {name}({t} x)
{{
    {t} r;
#if {arm}
    __asm__("{vsqrt} %{P}0, %{P}1" : "={reg}"(r) : "{reg}"(x));
#elif defined({sse})
    __asm__("{sqrts} %1, %0" : "=x"(r) : "x"(x));
#elif defined(__aarch64__)
    __asm__("fsqrt %{v}0, %{v}1" : "=w"(r) : "w"(x));
#elif defined(__riscv_flen) && __riscv_flen >= {bits}
    __asm__("fsqrt.{v} %0, %1" : "=f"(r) : "f"(x));
#else
    union {{ {t} f; {u} i; }} u;
    u.f = x;
    if (u.i << 1 == 0 || u.i == {inf} || x != x) {{
        return x; /* zeros, +infinity and NaN */
    }}
    if (u.i >> {top}) {{
        u.i = {nan};
        return u.f;
    }}
    int32_t e = (int32_t)(u.i >> {digits});
    {u} m = u.i & {fraction};
    if (e == 0) {{ /* subnormal */
        e = 1;
        while (!(m & {one})) {{
            m <<= 1;
            e--;
        }}
    }} else {{
        m |= {one};
    }}
    e -= {bias};
    if (e & 1) {{
        m <<= 1;
    }}
    m <<= 1;
    {u} q = 0u, s = 0u; /* digit by digit, one bit more than the result has */
    for ({u} bit = {one} << 1; bit; bit >>= 1) {{
        const {u} t = s + bit;
        if (t <= m) {{
            s = t + bit;
            m -= t;
            q += bit;
        }}
        m <<= 1;
    }}
    if (m) {{
        q += q & 1u;
    }}
    u.i = (q >> 1) + {half} + (({u})(int64_t)(e >= 0 ? e / 2 : (e - 1) / 2) << {digits});
    r = u.f;
#endif
    return r;
}}"""


# What a square root of each type needs: its format, and the processors' instructions.
SQRT: Mapping[str, Mapping[str, object]] = {
    "sqrt_f32": {
        "name": "sqrt_f32", "t": "float", "u": "uint32_t", "bits": 32, "top": 31, "digits": 23, "bias": 127, "v": "s",
        "P": "", "reg": "t", "arm": "defined(__ARM_FP) && (__ARM_FP & 4) && !defined(__aarch64__)",
        "vsqrt": "vsqrt.f32", "sse": "__SSE__", "sqrts": "sqrtss", "inf": "0x7F800000u", "nan": "0x7FC00000u",
        "fraction": "0x7FFFFFu", "one": "0x800000u", "half": "0x3F000000u",
    },
    "sqrt_f64": {
        "name": "sqrt_f64", "t": "double", "u": "uint64_t", "bits": 64, "top": 63, "digits": 52, "bias": 1023, "v": "d",
        "P": "P", "reg": "w", "arm": "defined(__ARM_FP) && (__ARM_FP & 8) && !defined(__aarch64__)",
        "vsqrt": "vsqrt.f64", "sse": "__SSE2__", "sqrts": "sqrtsd", "inf": "0x7FF0000000000000u",
        "nan": "0x7FF8000000000000u", "fraction": "0xFFFFFFFFFFFFFu", "one": "0x10000000000000u",
        "half": "0x3FE0000000000000u",
    },
}  # fmt: skip


def definition(name: str) -> str:
    """The C text of a helper, by the name the kernel printer gave it."""
    if name in SQRT:  # the digit recurrence is the schoolbook one, as in fdlibm
        return _SQRT.format(**SQRT[name])
    if name in ("abs_f32", "abs_f64"):
        t, u, mask = ("float", "uint32_t", "0x7FFFFFFFu") if name[-2:] == "32" else (
            "double", "uint64_t", "0x7FFFFFFFFFFFFFFFULL",
        )  # fmt: skip
        return _ABS.format(name=name, t=t, u=u, mask=mask)
    if "_as_" in name:
        frm, to = name.split("_as_")
        return _BITS.format(name=name, frm=_c(frm), to=_c(to))
    if "_to_" in name:
        return _to_int(name)
    op, kind = name.split("_")
    t, u = _c(kind), _c("u" + kind[1:])
    if op in ("div", "rem"):
        negated = f"({t})(0u - ({u})a)" if op == "div" else "0"
        if kind[0] == "u":
            return f"static inline {t} {name}({t} a, {t} b)\n{{\n    return ({t})(b == 0 ? 0 : a {_OP[op]} b);\n}}"
        return _DIV.format(name=name, t=t, op=_OP[op], negated=negated)
    return _SHIFT.format(name=name, t=t, u=u if op == "shl" else t, op=_OP[op], mask=int(kind[1:]) - 1)


_OP = {"div": "/", "rem": "%", "shl": "<<", "shr": ">>"}


def _c(kind: str) -> str:
    if kind[0] == "f":
        return {"f32": "float", "f64": "double"}[kind]
    return ("u" if kind[0] == "u" else "") + f"int{kind[1:]}_t"


def _to_int(name: str) -> str:
    frm, to = name.split("_to_")
    bits, signed = int(to[1:]), to[0] == "i"
    suffix = "f" if frm == "f32" else ""
    above = f"{float(2 ** (bits - 1 if signed else bits))!r}{suffix}"
    big = "INT" if signed else "UINT"
    low = f"{big}{bits}_MIN" if signed else "0"
    low_bound = f"-{float(2 ** (bits - 1))!r}{suffix}" if signed else f"0.0{suffix}"
    return _TO_INT.format(
        name=name, t=_c(to), f=_c(frm), above=above, high=f"{big}{bits}_MAX", low=low, low_bound=low_bound
    )
