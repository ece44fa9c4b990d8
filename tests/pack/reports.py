"""Reports to draw: a keyword-spotting network of 13 layers, one with hundreds of layers, and one with hostile names."""

from __future__ import annotations

from compiler import report as r

BLOCKS = 4
POINTWISE = 125 * 64 * 64
DEPTHWISE = 125 * 64 * 9

HOSTILE = (
    "<script>alert(1)</script>",
    "](javascript:alert(1)) [x](http://evil.example)",
    "\x1b[31mred\x1b]0;title\x07",
    "a|b|c\nnew line\r| # heading",
    "`code` **bold** @everyone https://evil.example www.evil.example",
    '" onload="alert(1)\' & <img src=x onerror=alert(1)>',
    "\u202eright to left\u200b{{ 7 * 7 }}",
    "]]></style></svg><script>",
    "x" * 10_000,
)


def ds_cnn() -> r.Report:
    """Sizes and shapes of MLPerf Tiny's keyword spotter; the instruction counts are only of a plausible size."""
    plan = [("conv_1", "Conv2d", 125 * 64 * 40, 2624, "conv2d_10x4")]
    for block in range(1, BLOCKS + 1):
        plan.append((f"depthwise_{block}", "DepthwiseConv2d", DEPTHWISE, 640, "depthwise_3x3"))
        plan.append((f"pointwise_{block}", "Conv2d", POINTWISE, 4160, "conv2d_1x1"))
    plan += [
        ("pool", "AveragePool", 0, 0, "avgpool_25x5"),
        ("flatten", "Reshape", 0, 0, "copy"),
        ("dense", "Dense", 768, 780, "dense"),
        ("softmax", "Softmax", 0, 0, "softmax"),
    ]
    layers: list[r.Layer] = []
    seen: set[str] = set()
    for name, op, macs, parameters, kernel in plan:
        tail = name in ("dense", "softmax")
        shape = [1, 12] if tail else [1, 64] if name in ("pool", "flatten") else [1, 64, 25, 5]
        layers.append(
            r.Layer(
                name=name,
                op=op,
                source_nodes=[f"model/{name}/{op}"],
                input_shapes=[[1, 64, 25, 5]],
                output_shape=shape,
                dtype="float32",
                macs=macs,
                parameters=parameters,
                flash=r.LayerFlash(code=0 if kernel in seen else 412, weights=4 * parameters),
                ram_live=304 if tail else 64_000,
                instructions=900 + 4 * macs,
                kernel=f"model_{kernel}",
                schedule="direct 2x8" if macs else "loop",
                error=r.LayerError(
                    max_abs=1e-7 * (len(layers) + 1), mean_abs=2e-8, cosine=1.0, sqnr_db=140.0 - len(layers)
                ),
            )
        )
        seen.add(kernel)
    return _report(layers, "ds_cnn.onnx", _ping_pong(layers))


def _ping_pong(layers: list[r.Layer]) -> r.MemoryInfo:
    tensors = [r.MemoryTensor(name="input_1", layer="", offset=32_000, size=1960, first_use=-1, last_use=0)]
    for i, layer in enumerate(layers):
        size = 4
        for d in layer.output_shape:
            size *= d
        last = min(i + 1, len(layers) - 1)
        offset = 0 if i % 2 == 0 else 32_000
        tensors.append(
            r.MemoryTensor(
                name=f"{layer.name}_out", layer=layer.name, offset=offset, size=size, first_use=i, last_use=last
            )
        )
    return r.MemoryInfo(arena_bytes=64_000, lower_bound_bytes=64_000, tensors=tensors)


def _report(layers: list[r.Layer], name: str, memory: r.MemoryInfo) -> r.Report:
    macs = sum(layer.macs for layer in layers)
    code, weights = sum(layer.flash.code or 0 for layer in layers), sum(layer.flash.weights for layer in layers)
    return r.Report(
        deepmetal_version="0.1.0",
        model=r.ModelInfo(
            name=name,
            sha256="ab" * 32,
            format="onnx",
            inputs=[r.TensorInfo(name="input_1", dtype="float32", shape=[1, 49, 10, 1])],
            outputs=[r.TensorInfo(name="Identity", dtype="float32", shape=[1, 12])],
            parameters=sum(layer.parameters for layer in layers),
            macs=macs + 128_000,
        ),
        options={"target": "cortex-m4", "emit": "c", "precision": "float32", "shape": {}, "budget": {}, "run": True},
        toolchain=r.Toolchain(
            compiler="clang",
            compiler_version="19.1.4",
            flags=["-O3", "-mcpu=cortex-m4", "-ffp-contract=off"],
            emulator="qemu-system-arm",
            emulator_version="7.2.15",
            counting="plugin",
        ),
        totals=r.Totals(
            macs=macs,
            flash=r.FlashTotals(code=code, weights=weights, other=620, total=code + weights + 620),
            ram=r.RamTotals(arena=memory.arena_bytes, static=8, stack=184, total=memory.arena_bytes + 192),
            instructions=sum(layer.instructions or 0 for layer in layers) + 61,
        ),
        layers=layers,
        passes=[
            r.PassInfo(
                name="fold_batch_norm_into_conv",
                effect="9 BatchNorms into their convolutions",
                macs_saved=128_000,
                flash_saved=4608,
            ),
            r.PassInfo(name="fuse_activation", effect="9 Relu into their producers", ram_saved=32_000),
        ],
        memory=memory,
        validation=r.Validation(
            reference="ONNX Runtime 1.31.1",
            vectors=8,
            max_abs_error=1.19e-06,
            max_rel_error=3.1e-06,
            cosine=0.9999999999,
            argmax_agreement=1.0,
            bit_exact=False,
            tolerance=1e-4,
            passed=True,
        ),
        boards=[
            r.BoardFit(
                name="roomy",
                title="Roomy",
                vendor="Someone",
                fits=True,
                flash_free=900_000,
                ram_free=500_000,
                arena_in="SRAM1",
                latency_ms=12.3456,
                clock_mhz=168,
            ),
            r.BoardFit(
                name="partly-known", title="Partly known", fits=None, flash_free=None, ram_free=10, verified=False
            ),
            r.BoardFit(name="tiny", title="Tiny", fits=False, flash_free=-1234, ram_free=-5678, clock_mhz=48),
        ],
        timings={"import": 0.21, "build": 1.9},
        notes=["Instructions are those of QEMU, not cycles."],
    )


def timed() -> r.Report:
    """The keyword spotter with all that an emulated run tells: cycles, instruction mix, and the map of its firmware."""
    base = ds_cnn()
    layers = [
        layer.model_copy(
            update={
                "cycles": 2 * (layer.instructions or 0),
                "latency_ms": 2 * (layer.instructions or 0) / 120_000,
                "mix": {
                    "load": layer.macs + 300,
                    "multiply": layer.macs,
                    "float": layer.macs,
                    "branch": layer.macs + 600,
                },
            }
        )
        for layer in base.layers
    ]
    code, at = [], 64
    for layer in layers:
        if layer.flash.code:
            code.append(r.MapSymbol(name=layer.kernel, address=at, size=layer.flash.code, layer=layer.name))
            at += layer.flash.code
    weights = []
    for i, layer in enumerate(layers):
        if layer.flash.weights:
            weights.append(r.MapSymbol(name=f"n{i}_w", address=at, size=layer.flash.weights, layer=layer.name))
            at += layer.flash.weights
    flash = base.totals.flash
    arena = r.MapSymbol(name="memory", address=0x2000_0000, size=base.memory.arena_bytes)
    sections = [
        _section(".vectors", "other", "flash", 0, 64),
        _section(".model_code", "code", "flash", 64, flash.code or 0, code),
        _section(".model_const", "weights", "flash", 64 + (flash.code or 0), flash.weights or 0, weights),
        _section(".code", "other", "flash", at, (flash.other or 0) - 64),
        _section(".model_bss", "arena", "ram", 0x2000_0000, arena.size, [arena]),
        _section(".bss", "static", "ram", 0x2000_0000 + arena.size, 8),
    ]
    cycles = sum(layer.cycles or 0 for layer in layers)
    totals = base.totals.model_copy(
        update={
            "cycles": cycles,
            "cycles_error_percent": 9.0,
            "cycles_model": "Cortex-M4, memory without wait states",
            "latency_ms": cycles / 120_000,
            "clock_mhz": 120.0,
        }
    )
    return base.model_copy(update={"layers": layers, "sections": sections, "totals": totals})


def _section(
    name: str, kind: str, region: str, at: int, size: int, symbols: list[r.MapSymbol] | None = None
) -> r.MapSection:
    fields = {"name": name, "kind": kind, "region": region, "address": at, "size": size, "symbols": symbols or []}
    return r.MapSection.model_validate(fields)


def many_layers(count: int, name: str = "block/{}/conv") -> r.Report:
    """The keyword spotter's layers again and again, each with more work than the one before."""
    base = ds_cnn()
    layers = [
        base.layers[i % 13].model_copy(update={"name": name.format(i), "instructions": 1000 + i}) for i in range(count)
    ]
    return _report(layers, "many.onnx", _ping_pong(layers))


def hostile() -> r.Report:
    """Every text that comes from the model is one of `HOSTILE`."""
    base = timed()
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(len(base.layers))]
    layers = [
        layer.model_copy(update={"name": text, "op": text, "source_nodes": [text], "schedule": text})
        for layer, text in zip(base.layers, texts, strict=True)
    ]
    tensors = [
        tensor.model_copy(update={"name": texts[i % len(texts)], "layer": texts[i % len(texts)]})
        for i, tensor in enumerate(base.memory.tensors)
    ]
    boards = [
        board.model_copy(update={"name": text, "title": text, "vendor": text, "arena_in": text})
        for text in HOSTILE
        for board in base.boards
    ]
    named = [r.TensorInfo(name=text, dtype="float32", shape=[1, 4]) for text in HOSTILE]
    return base.model_copy(
        update={
            "layers": layers,
            "memory": base.memory.model_copy(update={"tensors": tensors}),
            "model": base.model.model_copy(update={"name": HOSTILE[0] + HOSTILE[2], "inputs": named, "outputs": named}),
            "boards": boards,
            "sections": [
                section.model_copy(
                    update={
                        "symbols": [s.model_copy(update={"name": texts[0], "layer": texts[4]}) for s in section.symbols]
                    }
                )
                for section in base.sections
            ],
            "passes": [r.PassInfo(name=text, effect=text) for text in HOSTILE],
            "notes": list(HOSTILE),
            "options": {**base.options, "shape": {text: [1, 2] for text in HOSTILE}},
        }
    )


def not_run() -> r.Report:
    base = ds_cnn()
    layers = [layer.model_copy(update={"instructions": None, "error": None}) for layer in base.layers]
    ram = r.RamTotals(arena=64_000, static=8)
    totals = base.totals.model_copy(update={"instructions": None, "ram": ram})
    return base.model_copy(update={"layers": layers, "validation": None, "totals": totals})
