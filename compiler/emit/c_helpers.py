"""Small C functions behind loop IR operations that C leaves undefined or has no operator for."""

from __future__ import annotations

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

_SQRT_F32 = """/* correctly rounded, from the processor's instruction where it has one */
static inline float sqrt_f32(float x)
{
    float r;
#if defined(__ARM_FP) && (__ARM_FP & 4) && !defined(__aarch64__)
    __asm__("vsqrt.f32 %0, %1" : "=t"(r) : "t"(x));
#elif defined(__SSE__)
    __asm__("sqrtss %1, %0" : "=x"(r) : "x"(x));
#elif defined(__aarch64__)
    __asm__("fsqrt %s0, %s1" : "=w"(r) : "w"(x));
#else
    union { float f; uint32_t i; } u;
    u.f = x;
    if (u.i == 0u || u.i == 0x80000000u || u.i == 0x7F800000u || x != x) {
        return x; /* zeros, +infinity and NaN */
    }
    if (u.i >> 31) {
        u.i = 0x7FC00000u;
        return u.f;
    }
    int32_t e = (int32_t)(u.i >> 23);
    uint32_t m = u.i & 0x7FFFFFu;
    if (e == 0) { /* subnormal */
        e = 1;
        while (!(m & 0x800000u)) {
            m <<= 1;
            e--;
        }
    } else {
        m |= 0x800000u;
    }
    e -= 127;
    if (e & 1) {
        m <<= 1;
    }
    m <<= 1;
    uint32_t q = 0u, s = 0u; /* digit by digit, one bit more than the result has */
    for (uint32_t bit = 0x1000000u; bit; bit >>= 1) {
        const uint32_t t = s + bit;
        if (t <= m) {
            s = t + bit;
            m -= t;
            q += bit;
        }
        m <<= 1;
    }
    if (m) {
        q += q & 1u;
    }
    u.i = (q >> 1) + 0x3F000000u + ((uint32_t)(e >= 0 ? e / 2 : (e - 1) / 2) << 23);
    r = u.f;
#endif
    return r;
}"""


def definition(name: str) -> str:
    """The C text of a helper, by the name the kernel printer gave it."""
    if name == "sqrt_f32":
        return _SQRT_F32
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
