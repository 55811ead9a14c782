"""Products of small matrices inside compiled loops, for operands that are in cache already.

Calls of a library from there would go through the interpreter, and its products know no triangles.
Here a tile of the result stays in the processor's registers while its sum runs. All matrices are
float32, and their sides are multiples of `SIDE`.
"""

# Shapes: out (M, P) += a (M, J) @ b (J, P). Rows of out and b lie side by side; a may be turned.

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiling import compiled

LANES = 16
SIDE = LANES
# Rows and vectors of a tile: as many sums as the registers hold, beside a row of b. Where the last
# columns fill no such tile, one of a single vector takes them.
ROWS, VECTORS = (8, 2) if binding.get_host_cpu_features().get("avx512f") else (4, 1)
WIDTH = VECTORS * LANES


@compiled
def whole(size):
    """The size of a side that has room for `size` numbers."""
    return (size + SIDE - 1) // SIDE * SIDE


def _tile(vectors: int) -> Any:
    @intrinsic
    def add(
        typing_context: Any, out: Any, m: Any, p: Any, a: Any, b: Any, first: Any, end: Any
    ) -> Any:
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            single, byte, index = ir.FloatType(), ir.IntType(8), ir.IntType(types.intp.bitwidth)
            vector = ir.VectorType(single, LANES)
            anything = ir.Constant(vector, ir.Undefined)
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            out, a, b = (
                context.make_array(signature.args[at])(context, builder, args[at])
                for at in (0, 3, 4)
            )
            _, m, p, _, _, first, end = args
            rows = [builder.add(m, index(r)) for r in range(ROWS)]
            columns = [builder.add(p, index(w * LANES)) for w in range(vectors)]

            def place(array: Any, row: Any, column: Any, kind: Any) -> Any:
                strides = cgutils.unpack_tuple(builder, array.strides, 2)
                offset = builder.add(*map(builder.mul, (row, column), strides))
                start = builder.bitcast(array.data, byte.as_pointer())
                return builder.bitcast(builder.gep(start, [offset]), kind.as_pointer())

            places = [[place(out, row, column, vector) for column in columns] for row in rows]
            # The compiler keeps these in registers.
            sums = [[cgutils.alloca_once(builder, vector) for _ in columns] for _ in rows]
            for r in range(ROWS):
                for w in range(vectors):
                    builder.store(builder.load(places[r][w], align=4), sums[r][w])
            with cgutils.for_range_slice(builder, first, end, index(1)) as (j, _):
                b_row = [builder.load(place(b, j, column, vector), align=4) for column in columns]
                for r in range(ROWS):
                    factor = builder.load(place(a, rows[r], j, single))
                    factor = builder.insert_element(anything, factor, ir.IntType(32)(0))
                    factor = builder.shuffle_vector(factor, anything, everywhere)
                    for w in range(vectors):
                        term = builder.fmul(factor, b_row[w], flags=("contract",))
                        total = builder.fadd(builder.load(sums[r][w]), term, flags=("contract",))
                        builder.store(total, sums[r][w])
            for r in range(ROWS):
                for w in range(vectors):
                    builder.store(builder.load(sums[r][w]), places[r][w], align=4)
            return context.get_dummy_value()

        return types.void(out, types.intp, types.intp, a, b, types.intp, types.intp), build

    return add


_add_wide, _add_narrow = _tile(VECTORS), _tile(1)


@compiled
def _add_tile(out, m, p, a, b, first, end):
    """Add the sum over j from `first` to `end` of a[m, j] * b[j, p], for the tile that is there."""
    if p + WIDTH <= out.shape[1]:
        _add_wide(out, m, p, a, b, first, end)
    else:
        _add_narrow(out, m, p, a, b, first, end)


@compiled
def add_product(out, a, b):
    """Add a @ b."""
    for p in range(0, out.shape[1], WIDTH):
        for m in range(0, out.shape[0], ROWS):
            _add_tile(out, m, p, a, b, 0, b.shape[0])


@compiled
def add_lower(out, a, b):
    """Add a @ b, but only the tiles that meet the lower triangle."""
    for p in range(0, out.shape[1], WIDTH):
        for m in range(p // ROWS * ROWS, out.shape[0], ROWS):
            _add_tile(out, m, p, a, b, 0, b.shape[0])


@compiled
def add_from_lower(out, a, b):
    """Add a @ b where a is zero above the diagonal; beyond its diagonal tiles it is not read."""
    for p in range(0, out.shape[1], WIDTH):
        for m in range(0, out.shape[0], ROWS):
            _add_tile(out, m, p, a, b, 0, m + ROWS)


@compiled
def add_from_upper(out, a, b):
    """Add a @ b where a is zero below the diagonal; beyond its diagonal tiles it is not read."""
    for p in range(0, out.shape[1], WIDTH):
        for m in range(0, out.shape[0], ROWS):
            _add_tile(out, m, p, a, b, m, b.shape[0])
