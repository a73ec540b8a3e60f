"""The GPU's kernels against numpy, on a machine without a GPU: they run as an ordinary program (tests/emulation).

    python generate/tests/kernels.py        # needs numpy and g++ 12 or newer
"""

import ctypes
import pathlib
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
PAGE_TOKENS, PART_TOKENS, TILE_QUERIES, NONE = 32, 256, 8, 0xFFFFFFFF
EPSILON = 1e-5


def build(folder):
    library = pathlib.Path(folder) / "kernels.so"
    source = HERE / "emulation" / "kernels.cpp"
    flags = ["-std=c++20", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-pthread", "-Wno-unknown-pragmas"]
    subprocess.run(["g++", *flags, f"-I{HERE / 'emulation'}", str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def to_bf16(values):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


TYPES = {
    # activations, pages: to and from their stored form; and how far results may be off
    "f32": (np.float32, lambda v: v.astype(np.float32), lambda v: v, np.float16, lambda v: v.astype(np.float32), 2e-3),
    "bf16": (np.uint16, to_bf16, from_bf16, np.uint16, from_bf16, 2e-2),
}


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data) if array is not None else None


class Case:
    def __init__(self, name, heads, key_heads, size, texts, window=0, interleaved=False, norms=False, padding=3):
        self.name, self.heads, self.key_heads, self.size = name, heads, key_heads, size
        # (tokens remembered, new tokens) of each text
        self.texts, self.window, self.interleaved, self.norms, self.padding = texts, window, interleaved, norms, padding


CASES = [
    Case("one head", 1, 1, 2, [(0, 1)]),
    Case("a text of several pages", 4, 2, 64, [(0, 70)]),
    Case("several texts, grouped queries", 8, 2, 64, [(40, 1), (0, 5), (300, 1), (31, 3)]),
    Case("a head no multiple of a warp", 6, 3, 80, [(33, 2)], interleaved=True),
    Case("many query heads of one key head", 12, 1, 32, [(100, 3), (5, 1)], interleaved=True),
    Case("a window", 4, 4, 32, [(700, 9), (3, 2)], window=40),
    Case("a window over parts", 2, 1, 32, [(700, 20)], window=300),
    Case("normed heads", 4, 2, 128, [(10, 4)], norms=True),
    Case("the largest head", 2, 1, 256, [(600, 2)]),
]


def reference(case, qkv, keys, values, positions, turns, norms):
    """`qkv` (rows, heads + 2 key heads, size) and what was remembered before, to attended rows and new memory."""
    heads, key_heads, size = case.heads, case.key_heads, case.size
    qkv = qkv.astype(np.float64)
    if norms is not None:
        for first, count, weight in ((0, heads, norms[0]), (heads, key_heads, norms[1])):
            part = qkv[:, first : first + count]
            qkv[:, first : first + count] = part / np.sqrt((part**2).mean(-1, keepdims=True) + EPSILON) * weight
    turned = qkv[:, : heads + key_heads]
    cosine, sine = turns[positions, None, :, 0], turns[positions, None, :, 1]
    a, b = (slice(0, None, 2), slice(1, None, 2)) if case.interleaved else (slice(0, size // 2), slice(size // 2, None))
    first, second = turned[..., a].copy(), turned[..., b].copy()
    turned[..., a], turned[..., b] = first * cosine - second * sine, first * sine + second * cosine
    out, row = np.zeros((len(qkv), heads, size)), 0
    for text, (known, new) in enumerate(case.texts):
        keys[text] = np.concatenate([keys[text], qkv[row : row + new, heads : heads + key_heads]])
        values[text] = np.concatenate([values[text], qkv[row : row + new, heads + key_heads :]])
        for index in range(new):
            end = known + index + 1
            begin = max(0, end - case.window) if case.window else 0
            for head in range(heads):
                key_head = head // (heads // key_heads)
                scores = keys[text][begin:end, key_head] @ qkv[row, head] / np.sqrt(size)
                weights = np.exp(scores - scores.max())
                out[row, head] = weights / weights.sum() @ values[text][begin:end, key_head]
            row += 1
    return out


def check(library, kind, case, random):
    stored, to, back, page_type, page_back, tolerance = TYPES[kind]
    heads, key_heads, size = case.heads, case.key_heads, case.size
    new = sum(count for _, count in case.texts)
    rows = new + case.padding
    qkv = to(random.standard_normal((rows, heads + 2 * key_heads, size)).astype(np.float32))
    most = max(known + count for known, count in case.texts)
    angles = np.arange(most)[:, None] * 100.0 ** (-np.arange(size // 2) / (size // 2))
    turns = np.ascontiguousarray(np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32))
    norms = (1 + 0.1 * random.standard_normal((2, size))).astype(np.float32) if case.norms else None

    # Pages are scattered; what nobody has written is not a number.
    lengths = [-(-(known + count) // PAGE_TOKENS) for known, count in case.texts]
    numbers = random.permutation(sum(lengths) + 5).astype(np.uint32)
    shape = (len(numbers), 2, key_heads, PAGE_TOKENS, size)
    pages = np.full(shape, np.nan, np.float16) if kind == "f32" else np.full(shape, 0x7FC0, np.uint16)
    tables, positions, slots, tiles, keys, values, row = [], [], [], [], {}, {}, 0
    tile_rows = TILE_QUERIES // min(heads // key_heads, TILE_QUERIES)
    for text, (known, count) in enumerate(case.texts):
        begin = len(tables)
        tables.extend(numbers[begin : begin + lengths[text]])
        past = random.standard_normal((2, known, key_heads, size)).astype(np.float32)
        past = past.astype(np.float16) if kind == "f32" else to_bf16(past)
        for token in range(known):
            pages[tables[begin + token // PAGE_TOKENS], :, :, token % PAGE_TOKENS] = past[:, token]
        keys[text], values[text] = (page_back(part).astype(np.float64) for part in past)
        for token in range(known, known + count):
            positions.append(token)
            slots.append(tables[begin + token // PAGE_TOKENS] * PAGE_TOKENS + token % PAGE_TOKENS)
        for start in range(0, count, tile_rows):
            tiles.append((begin, row + start, min(tile_rows, count - start), known + start))
        row += count
    positions = np.array(positions + [0] * case.padding, np.uint32)
    slots = np.array(slots + [NONE] * case.padding, np.uint32)
    tables, tiles = np.array(tables, np.uint32), np.array(tiles, np.uint32)
    expected = reference(case, back(qkv[:new]), keys, values, positions[:new], turns, norms)

    getattr(library, f"run_qkv_{kind}")(
        pointer(qkv), pointer(norms), pointer(turns), pointer(positions), pointer(pages), pointer(slots), rows,
        heads, key_heads, size, ctypes.c_float(EPSILON), int(case.interleaved),
    )  # fmt: skip
    outputs = []
    longest = -(-most // PART_TOKENS)
    for parts in {1, longest}:
        out = np.zeros((rows, heads, size), stored)
        sums = np.full((parts, rows, heads, size), np.nan, np.float32)
        states = np.zeros((parts, rows, heads, 2), np.float32)
        getattr(library, f"run_attend_{kind}")(
            pointer(out), pointer(sums), pointer(states), pointer(qkv), pointer(pages), pointer(tiles),
            pointer(tables), pointer(slots), rows, heads, key_heads, size, case.window,
            min(heads // key_heads, TILE_QUERIES), len(tiles), parts,
        )  # fmt: skip
        outputs.append(out)
    # A long text cut into parts gives the same bits.
    assert all(np.array_equal(outputs[0], other) for other in outputs), f"{case.name}: parts differ"
    off = np.abs(back(outputs[0][:new]) - expected).max()
    assert off < tolerance, f"{case.name}: {off}"
    assert not back(outputs[0][new:]).any(), f"{case.name}: padding was written to"
    return off, len(outputs)


def check_gate(library, kind, random):
    stored, to, back, *_, tolerance = TYPES[kind]
    rows, width = 5, 77
    both = to(random.standard_normal((rows, 2, width)).astype(np.float32))
    out = np.zeros((rows, width), stored)
    getattr(library, f"run_gate_{kind}")(pointer(out), pointer(both), width, ctypes.c_int64(rows * width))
    gate, up = back(both[:, 0]).astype(np.float64), back(both[:, 1])
    off = np.abs(back(out) - gate / (1 + np.exp(-gate)) * up).max()
    assert off < tolerance, off
    return off


def main():
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder)
        for kind in TYPES:
            random = np.random.default_rng(7)
            for case in CASES:
                off, ways = check(library, kind, case, random)
                print(f"{kind} {case.name}: off by at most {off:.1e}" + (", the same in parts" if ways > 1 else ""))
            print(f"{kind} gate: off by at most {check_gate(library, kind, random):.1e}")


if __name__ == "__main__":
    main()
