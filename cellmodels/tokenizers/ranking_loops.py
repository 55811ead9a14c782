"""The compiled loops of the ranking: sum by token, list the tokens in order, sort.

Legend: N rows, V columns of the file, T tokens of the vocabulary, W words of 64 bits, Z stored
values, I ids, K values to sort.
"""

from __future__ import annotations

import numpy as np

from biosequence.kernels.compiling import compiled

# A row's keys span so many bits of a float64; the upper ones are sorted, in passes of one digit.
# What differs in the lower ones only, by about a millionth, is put in order afterwards.
_DIGIT_BITS, _PASSES = 8, 3
_DIGITS = 2**_DIGIT_BITS
_SORTED = np.uint64(2 ** (_DIGIT_BITS * _PASSES))
_DIGIT, _DIGIT_MASK = np.uint64(_DIGIT_BITS), np.uint64(_DIGITS - 1)
_PLACE, _PLACE_MASK = np.uint64(32), np.uint64(2**32 - 1)
_ONE = np.uint64(1)

# A power of two times a de Bruijn number has another top six bits for each power.
_DE_BRUIJN, _TOP = np.uint64(0x03F79D71B4CB0A89), np.uint64(58)
_BIT_OF = np.empty(64, dtype=np.int64)
for _bit in range(64):
    _BIT_OF[((int(_DE_BRUIJN) << _bit) & (2**64 - 1)) >> 58] = _bit


@compiled
def rank_rows(
    start, end, values_Z, columns_Z, indptr, token_V, medians_T, first, most, starts_N, ids_I, out_N
):
    """Write the ids of rows `start` to `end` from `starts_N` on, and their number into `out_N`."""
    num_tokens = len(medians_T)
    sums_T = np.zeros(num_tokens)
    found_W = np.zeros((num_tokens >> 6) + 1, dtype=np.uint64)
    tokens_K = np.empty(num_tokens, dtype=np.int32)
    keys_K = np.empty(num_tokens)
    packed_K = np.empty(num_tokens, dtype=np.uint64)
    spare_K = np.empty(num_tokens, dtype=np.uint64)
    counts = np.empty((_PASSES, _DIGITS), dtype=np.int64)
    for row in range(start, end):
        for place in range(indptr[row], indptr[row + 1]):
            token, value = token_V[columns_Z[place]], values_Z[place]
            if token >= 0 and value > 0:
                sums_T[token] += value
                found_W[token >> 6] |= _ONE << np.uint64(token & 63)
        size = _list_tokens(found_W, sums_T, medians_T, tokens_K, keys_K)
        order_K = _sort(size, keys_K, packed_K, spare_K, counts)
        target = starts_N[row]
        if first >= 0:
            ids_I[target] = first
            target += 1
        kept = min(size, starts_N[row] + most - target)
        for number in range(kept):
            ids_I[target + number] = tokens_K[np.int64(order_K[number] & _PLACE_MASK)]
        out_N[row] = target + kept - starts_N[row]


@compiled
def _list_tokens(found_W, sums_T, medians_T, tokens_K, keys_K):
    """The tokens that were found, in ascending order, with what they are sorted by; resets both."""
    size = 0
    for word in range(len(found_W)):
        bits = found_W[word]
        found_W[word] = 0
        while bits:
            rest = bits & (bits - _ONE)
            token = (word << 6) + _BIT_OF[np.int64(((bits ^ rest) * _DE_BRUIJN) >> _TOP)]
            tokens_K[size] = token
            keys_K[size] = sums_T[token] / medians_T[token]
            sums_T[token] = 0
            size += 1
            bits = rest
    return size


@compiled
def _sort(size, keys_K, packed_K, spare_K, counts):
    """Places of the keys, the highest key first, equal keys in their order; in the lower bits."""
    bits_K = keys_K.view(np.uint64)
    highest, lowest = bits_K[0], bits_K[0]
    for place in range(1, size):
        highest, lowest = max(highest, bits_K[place]), min(lowest, bits_K[place])
    low = np.uint64(0)
    while (highest - lowest) >> low >= _SORTED:
        low += _ONE
    counts[:] = 0
    for place in range(size):
        upper = (highest - bits_K[place]) >> low
        packed_K[place] = (upper << _PLACE) | np.uint64(place)
        for turn in range(_PASSES):
            counts[turn, np.int64((upper >> (np.uint64(turn) * _DIGIT)) & _DIGIT_MASK)] += 1
    source_K, target_K = packed_K, spare_K
    for turn in range(_PASSES):
        total = 0
        for digit in range(_DIGITS):
            count = counts[turn, digit]
            counts[turn, digit] = total
            total += count
        shift = _PLACE + np.uint64(turn) * _DIGIT
        for place in range(size):
            item = source_K[place]
            digit = np.int64((item >> shift) & _DIGIT_MASK)
            target_K[counts[turn, digit]] = item
            counts[turn, digit] += 1
        source_K, target_K = target_K, source_K
    for place in range(1, size):
        item = source_K[place]
        if source_K[place - 1] >> _PLACE != item >> _PLACE:
            continue
        key, free = keys_K[np.int64(item & _PLACE_MASK)], place
        while (
            free > 0
            and source_K[free - 1] >> _PLACE == item >> _PLACE
            and keys_K[np.int64(source_K[free - 1] & _PLACE_MASK)] < key
        ):
            source_K[free] = source_K[free - 1]
            free -= 1
        source_K[free] = item
    return source_K


@compiled
def close_gaps(starts_N, lengths_N, ids_I):
    """Move the rows together that were written from `starts_N` on."""
    target = 0
    for row in range(len(lengths_N)):
        start = starts_N[row]
        for number in range(lengths_N[row]):
            ids_I[target + number] = ids_I[start + number]
        target += lengths_N[row]
