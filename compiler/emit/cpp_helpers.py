"""Small C++ functions behind loop IR operations that C++ leaves undefined or has no operator for.

Templates, and overloads for each type of float that a program needs; C's twin is `c_helpers.py`, and both give the
same bits.
"""

from __future__ import annotations

from compiler.emit.c_helpers import SQRT
from compiler.emit.cpp_kernel import c_name

_BIT_CAST = """// the same bits as another type
template <typename To, typename From>
inline To bit_cast(From from)
{
    static_assert(sizeof(To) == sizeof(From), "a cast of bits keeps the size");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}"""

_SMALLER = """// the second one where the first is NaN
template <typename T>
constexpr T smaller(T a, T b)
{
    return a < b ? a : b;
}"""

_LARGER = """// the second one where the first is NaN
template <typename T>
constexpr T larger(T a, T b)
{
    return a > b ? a : b;
}"""

_WIDE = """// arithmetic on it wraps
template <typename T>
struct Wide {
    using type = uint32_t;
};
template <>
struct Wide<int64_t> {
    using type = uint64_t;
};
template <>
struct Wide<uint64_t> {
    using type = uint64_t;
};"""

_WRAPPING = """// bits that do not fit are dropped
template <typename T>
constexpr T {name}(T a, T b)
{{
    using W = typename Wide<T>::type;
    return static_cast<T>(static_cast<W>(a) {sign} static_cast<W>(b));
}}"""

_DIVIDE = """// by zero gives zero, and the smallest number divided by -1 wraps
template <typename T>
constexpr T divide(T a, T b)
{
    constexpr T minus = static_cast<T>(-1);
    return b == 0 ? T{0} : minus < T{1} && b == minus ? wrapping_sub<T>(0, a) : static_cast<T>(a / b);
}"""

_REMAINDER = """// by zero gives zero
template <typename T>
constexpr T remainder(T a, T b)
{
    constexpr T minus = static_cast<T>(-1);
    return b == 0 || (minus < T{1} && b == minus) ? T{0} : static_cast<T>(a % b);
}"""

_SHIFT_LEFT = """// by the count modulo the width
template <typename T>
constexpr T shift_left(T a, T b)
{
    return wrapping_shl<T>(a, static_cast<T>(b & T{sizeof(T) * 8 - 1}));
}"""

_SHIFT_RIGHT = """// by the count modulo the width
template <typename T>
constexpr T shift_right(T a, T b)
{
    return static_cast<T>(a >> (b & T{sizeof(T) * 8 - 1}));
}"""

_ABS = """inline {t} absolute({t} x)
{{
    return bit_cast<{t}>(bit_cast<{u}>(x) & {mask});
}}"""

_TO_INT = """// truncates; saturates, NaN gives 0
inline {t} to_{kind}({f} x)
{{
    return x >= {above} ? {high} : x >= {low_bound} ? static_cast<{t}>(x) : x < {low_bound} ? {low} : {zero};
}}"""

_SQRT = """// correctly rounded, from the processor's instruction where it has one
inline {t} square_root({t} x)
{{
#if {arm}
    {t} r;
    __asm__("{vsqrt} %{P}0, %{P}1" : "={reg}"(r) : "{reg}"(x));
    return r;
#elif defined({sse})
    {t} r;
    __asm__("{sqrts} %1, %0" : "=x"(r) : "x"(x));
    return r;
#elif defined(__aarch64__)
    {t} r;
    __asm__("fsqrt %{v}0, %{v}1" : "=w"(r) : "w"(x));
    return r;
#elif defined(__riscv_flen) && __riscv_flen >= {bits}
    {t} r;
    __asm__("fsqrt.{v} %0, %1" : "=f"(r) : "f"(x));
    return r;
#else
    const {u} bits = bit_cast<{u}>(x);
    if (bits << 1 == 0 || bits == {inf} || x != x) {{
        return x;  // zeros, +infinity and NaN
    }}
    if (bits >> {top}) {{
        return bit_cast<{t}>({u}{{{nan}}});
    }}
    int32_t e = static_cast<int32_t>(bits >> {digits});
    {u} m = bits & {fraction};
    if (e == 0) {{  // subnormal
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
    {u} q = 0u, s = 0u;  // digit by digit, one bit more than the result has
    for ({u} bit = {u}{{{one}}} << 1; bit; bit >>= 1) {{
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
    const {u} scale = static_cast<{u}>(static_cast<int64_t>(e >= 0 ? e / 2 : (e - 1) / 2)) << {digits};
    return bit_cast<{t}>((q >> 1) + {half} + scale);
#endif
}}"""

_TEMPLATES = {
    "bit_cast": _BIT_CAST,
    "smaller": _SMALLER,
    "larger": _LARGER,
    "wide": _WIDE,
    **{
        f"wrapping_{op}": _WRAPPING.format(name=f"wrapping_{op}", sign=sign)
        for op, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("shl", "<<"))
    },
    "divide": _DIVIDE,
    "remainder": _REMAINDER,
    "shift_left": _SHIFT_LEFT,
    "shift_right": _SHIFT_RIGHT,
}
_CALLS = {"divide": "wrapping_sub", "shift_left": "wrapping_shl", "sqrt": "bit_cast", "abs": "bit_cast"}


def definitions(names: set[str]) -> list[str]:
    """The text of all helpers that the printer asked for, callees first."""
    needed = names | {_CALLS[key] for n in names if (key := n if n in _TEMPLATES else n.split("_")[0]) in _CALLS}
    if any(n.startswith("wrapping_") for n in needed):
        needed.add("wide")
    overloads = sorted(needed - set(_TEMPLATES))
    return [text for n, text in _TEMPLATES.items() if n in needed] + [_overload(n) for n in overloads]


def _overload(name: str) -> str:
    """A function for one type of operand: sqrt_f32, abs_f64, f32_to_i8."""
    if name in SQRT:
        return _SQRT.format(**SQRT[name])
    if name == "abs_f32":
        return _ABS.format(t="float", u="uint32_t", mask="0x7FFFFFFFu")
    if name == "abs_f64":
        return _ABS.format(t="double", u="uint64_t", mask="0x7FFFFFFFFFFFFFFFu")
    return _to_int(*name.split("_to_"))


def _to_int(frm: str, to: str) -> str:
    bits, signed, suffix = int(to[1:]), to[0] == "i", "f" if frm == "f32" else ""
    t, big = c_name(to), "INT" if signed else "UINT"
    return _TO_INT.format(
        kind=to,
        t=t,
        f=c_name(frm),
        above=f"{float(2 ** (bits - 1 if signed else bits))!r}{suffix}",
        high=f"{t}{{{big}{bits}_MAX}}",
        low_bound=f"-{float(2 ** (bits - 1))!r}{suffix}" if signed else f"0.0{suffix}",
        low=f"{t}{{{big}{bits}_MIN}}" if signed else f"{t}{{0}}",
        zero=f"{t}{{0}}",
    )
