"""Products of matrices for generated Numba code: sums stay in vector registers.

Between a few rows and a few hundred this is faster than a call of BLAS, and the product is added
to what is there. What generated code calls is copied into it.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import get_host_cpu_features

from gru_sym.codegen.backends.helpers_numba import Array, intrinsics, jit, macro, strided

FEATURES: str = get_host_cpu_features()
SHORT = 256 if "+avx" in FEATURES else 128
VECTOR_BITS = 512 if "+avx512f" in FEATURES else SHORT
# A product keeps the sums of so many rows, and vectors of columns, in registers.
TALL, WIDE = (8, 3) if VECTOR_BITS == 512 else (4, 3)


def kernel(tall: int, wide: int, masked: bool) -> Any:
    """A function that adds a product to a small block of a matrix.

    It adds ``a[i : i + tall, k0:k1] @ b[k0:k1, j:]`` to ``out[i : i + tall, j:]``, for
    ``wide`` vectors of columns; or puts it there, where ``adds`` is false. The last
    axis of b and of out has no gaps.

    Args:
        tall: the number of rows.
        wide: the number of vectors in a row.
        masked: whether a vector may reach beyond the end of a row, which is left alone.
    """

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = signature.args[0].dtype
        number, lanes = context.get_data_type(held), VECTOR_BITS // held.bitwidth
        vector = ir.VectorType(number, lanes)
        mask_type = ir.VectorType(ir.IntType(1), lanes)
        index, i32 = context.get_value_type(types.intp), ir.IntType(32)
        pointer, align = vector.as_pointer(), held.bitwidth // 8
        i, j, k0, k1, adds = (args[n] for n in (1, 3, 5, 6, 7))

        def matrix(n: int) -> Any:
            return context.make_array(signature.args[n])(context, builder, args[n])

        a, b, out = matrix(0), matrix(2), matrix(4)

        def function(name: str, result: Any, *kinds: Any) -> Any:
            kind = ir.FunctionType(result, kinds)
            return cgutils.get_or_insert_function(builder.module, kind, name)

        def address(matrix: Any, row: Any, column: Any, kind: Any) -> Any:
            down, right = (builder.extract_value(matrix.strides, n) for n in (0, 1))
            offset = builder.add(builder.mul(row, down), builder.mul(column, right))
            place = cgutils.pointer_add(builder, matrix.data, offset)
            return builder.bitcast(place, kind.as_pointer())

        def spread(value: Any) -> Any:
            """A vector whose lanes are all the same."""
            kind = ir.VectorType(value.type, lanes)
            empty = ir.Constant(kind, ir.Undefined)
            first = builder.insert_element(empty, value, i32(0))
            zeros = ir.Constant(ir.VectorType(i32, lanes), None)
            return builder.shuffle_vector(first, empty, zeros)

        name = f"v{lanes}f{held.bitwidth}"
        fma = function(f"llvm.fmuladd.{name}", vector, vector, vector, vector)
        if masked:
            left = builder.sub(builder.extract_value(out.shape, 1), j)
            numbers = [index(n) for n in range(lanes)]
            lane = ir.Constant(ir.VectorType(index, lanes), numbers)
            mask = builder.icmp_signed("<", lane, spread(left))
            form = f"{name}.p0{name}"
            kinds = pointer, i32, mask_type
            read = function(f"llvm.masked.load.{form}", vector, *kinds, vector)
            write = function(f"llvm.masked.store.{form}", ir.VoidType(), vector, *kinds)

        def load(row: Any, n: int) -> Any:
            place = builder.gep(row, [index(n)])
            if not masked:
                return builder.load(place, align=align)
            zeros = ir.Constant(vector, None)
            return builder.call(read, [place, i32(align), mask, zeros])

        def store(value: Any, row: Any, n: int) -> None:
            place = builder.gep(row, [index(n)])
            if masked:
                builder.call(write, [value, place, i32(align), mask])
            else:
                builder.store(value, place, align=align)

        below = [builder.add(i, index(m)) for m in range(tall)]
        rows = [address(out, row, j, vector) for row in below]
        block = [(m, n) for m in range(tall) for n in range(wide)]
        sums = {at: cgutils.alloca_once(builder, vector) for at in block}
        nothing = ir.Constant(vector, None)
        for m, n in block:
            first = builder.select(adds, load(rows[m], n), nothing)
            builder.store(first, sums[m, n])
        with cgutils.for_range_slice(builder, k0, k1, index(1)) as (k, _):
            right = address(b, k, j, vector)
            columns = [load(right, n) for n in range(wide)]
            left = [builder.load(address(a, row, k, number)) for row in below]
            factors = [spread(value) for value in left]
            for m, n in block:
                operands = [factors[m], columns[n], builder.load(sums[m, n])]
                builder.store(builder.call(fma, operands), sums[m, n])
        for m, n in block:
            store(builder.load(sums[m, n]), rows[m], n)
        return context.get_dummy_value()

    @intrinsics
    def run(
        typing: Any,
        a: Any,
        i: Any,
        b: Any,
        j: Any,
        out: Any,
        k0: Any,
        k1: Any,
        adds: Any,
    ) -> Any:
        n = types.intp
        return types.void(a, n, b, n, out, n, n, types.boolean), build

    return run


block_kernel: Any = kernel(TALL, WIDE, masked=False)
row_kernel: Any = kernel(1, WIDE, masked=False)
long_row_kernel: Any = kernel(1, 8, masked=False)
last_block_kernel: Any = kernel(TALL, 1, masked=True)
last_row_kernel: Any = kernel(1, 1, masked=True)


@jit
def product_strided(a: Array, b: Array, out: Array, adds: bool) -> None:
    """The product by blocks of a size that the caches hold."""
    lanes = VECTOR_BITS // 8 // a.itemsize
    if a.shape[1] == 0 and not adds:  # a sum of nothing
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] = 0.0
    for top in range(0, a.shape[0], 96):
        bottom = min(top + 96, a.shape[0])
        for k0 in range(0, a.shape[1], 256):
            k1 = min(k0 + 256, a.shape[1])
            more = adds or k0 > 0  # to what the columns before have left
            j = 0
            if a.shape[0] == 1:
                while j + 8 * lanes <= b.shape[1]:
                    long_row_kernel(a, 0, b, j, out, k0, k1, more)
                    j += 8 * lanes
            while j + WIDE * lanes <= b.shape[1]:
                i = top
                while i + TALL <= bottom:
                    block_kernel(a, i, b, j, out, k0, k1, more)
                    i += TALL
                while i < bottom:
                    row_kernel(a, i, b, j, out, k0, k1, more)
                    i += 1
                j += WIDE * lanes
            while j < b.shape[1]:
                i = top
                while i + TALL <= bottom:
                    last_block_kernel(a, i, b, j, out, k0, k1, more)
                    i += TALL
                while i < bottom:
                    last_row_kernel(a, i, b, j, out, k0, k1, more)
                    i += 1
                j += lanes


@macro
def product(a: Array, b: Array, out: Array) -> None:
    """Put a @ b into out, for matrices; the last axis of b and of out has no gaps."""
    # Not False: for a constant, the function would be compiled once more.
    product_strided(strided(a), strided(b), strided(out), bool(0))


@macro
def add_product(a: Array, b: Array, out: Array) -> None:
    """Add a @ b to out, for matrices; the last axis of b and of out has no gaps."""
    product_strided(strided(a), strided(b), strided(out), bool(1))
