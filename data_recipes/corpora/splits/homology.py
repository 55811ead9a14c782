"""Proteins that descend from one another, found in linear time.

The idea is that of Linclust (Steinegger and Soeding 2018): a protein keeps the few words of its
sequence that have the lowest hashes, all proteins with one word are compared with the longest of
them only, and a match is checked without gaps along the diagonal of the word. Whatever is linked,
directly or through others, is one cluster.

Limits. Relatives are found while a stretch of some 20 residues stayed recognisable. Of real
proteins with BLOSUM62 substitutions and an insertion or deletion in 60 residues, it joins all pairs
of 70% identity, 97% at 60%, 74% at 50%, 26% at 40% and 8% at 35%: remote homologs may sit in two
clusters. Linking through others is strict for a split and no classification of families: proteins
that share one domain come together. A protein keeps 256 words, fewer when there are more than half
a million, of 24 bytes each while they are sorted; the sequences themselves lie on the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numba import njit

from .linking import linked_groups

# Residues that replace each other often share a number, so that words survive more mutations.
_ALIKE = ("A", "C", "DN", "EQ", "FY", "G", "H", "IV", "KR", "LM", "P", "ST", "W")
WORD = 7
# Words that a protein keeps, and all proteins together: 2 GB of them, and 1 GB to sort them.
WORDS_KEPT = 256
WORDS_IN_ALL = 1 << 27
# Matches count 2, mismatches -1; by chance a protein reaches 25 in ten million residues less than
# once in a thousand searches.
SCORE = 28
_DROP = 12
_NOTHING = 255


def _tables() -> tuple[np.ndarray, np.ndarray]:
    letters = np.full(256, _NOTHING, dtype=np.uint8)
    alike = np.full(256, _NOTHING, dtype=np.uint8)
    for number, group in enumerate(_ALIKE):
        for residue in group:
            for byte in (ord(residue), ord(residue.lower())):
                letters[byte] = ord(residue)
                alike[byte] = number
    return letters, alike


_LETTERS, _NUMBERS = _tables()


def homology_clusters(sequences: Iterable[str], scratch: str | Path) -> np.ndarray:
    """The cluster of each protein, int32 (proteins,), numbered by first member.

    The same for the same proteins in the same order, on every machine.

    Parameters
    ----------
    sequences
        Amino acids; they are gone through once.
    scratch
        A folder for passing files as large as the sequences.

    Examples
    --------
    >>> kin = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQ"
    >>> homology_clusters([kin, "GSHMWWPLNDVCYRQTEAGIK" * 3, kin[5:60]], ".").tolist()
    [0, 1, 0]
    """
    store = Path(scratch) / "residues.bin"
    ends = _store(sequences, store)
    count = len(ends)
    if not count or not ends[-1]:
        return np.arange(count, dtype=np.int32)
    residues = np.memmap(store, dtype=np.uint8, mode="r")
    starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]])
    words, owners, places = _words(residues, starts, ends)
    order = np.lexsort((owners, words))
    words, owners, places = words[order], owners[order], places[order]
    first, second = _links(residues, starts, ends, words, owners, places)
    del residues
    store.unlink()
    return linked_groups(count, first, second)


def _store(sequences: Iterable[str], path: Path) -> np.ndarray:
    """The sequences end to end in a file of bytes; their ends, int64 (proteins,)."""
    ends, place = [], 0
    with path.open("wb") as handle:
        for sequence in sequences:
            raw = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
            handle.write(_LETTERS[raw].tobytes())
            place += len(raw)
            ends.append(place)
    return np.array(ends, dtype=np.int64)


def _words(
    residues: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hash, protein and place of the words that each protein keeps."""
    most = max(32, min(WORDS_KEPT, WORDS_IN_ALL // len(starts)))
    room = np.minimum(np.maximum(ends - starts - WORD + 1, 0), most)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(room)])
    words = np.empty(offsets[-1], dtype=np.uint64)
    places = np.empty(offsets[-1], dtype=np.int32)
    kept = np.zeros(len(starts), dtype=np.int64)
    _fill(residues, _NUMBERS, starts, ends, offsets, words, places, kept)
    owners = np.repeat(np.arange(len(starts), dtype=np.int32), room)
    used = np.arange(len(words)) - np.repeat(offsets[:-1], room) < np.repeat(kept, room)
    return words[used], owners[used], places[used]


@njit(cache=True)
def _mixed(value: np.uint64) -> np.uint64:
    # A bijection of 64 bits whose low values say nothing about the word (finaliser of splitmix64).
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@njit(cache=True)
def _fill(residues, numbers, starts, ends, offsets, words, places, kept):
    longest = 0
    for i in range(len(starts)):
        longest = max(longest, ends[i] - starts[i])
    hashes = np.empty(longest, dtype=np.uint64)
    at = np.empty(longest, dtype=np.int32)
    for i in range(len(starts)):
        found = 0
        for place in range(ends[i] - starts[i] - WORD + 1):
            value = np.uint64(1)
            seen = np.uint64(0)
            whole = True
            for step in range(WORD):
                number = numbers[residues[starts[i] + place + step]]
                if number == _NOTHING:
                    whole = False
                    break
                value = value * np.uint64(13) + np.uint64(number)
                seen |= np.uint64(1) << np.uint64(number)
            kinds = 0
            while seen:
                seen &= seen - np.uint64(1)
                kinds += 1
            # Runs and repeats of few letters are alike without being related.
            if whole and kinds >= 4:
                hashes[found] = _mixed(value)
                at[found] = place
                found += 1
        take = min(found, offsets[i + 1] - offsets[i])
        order = np.argsort(hashes[:found], kind="mergesort")
        for j in range(take):
            words[offsets[i] + j] = hashes[order[j]]
            places[offsets[i] + j] = at[order[j]]
        kept[i] = take


@njit(cache=True)
def _links(residues, starts, ends, words, owners, places):
    """Pairs of proteins with a match, from every word's longest protein to its others."""
    first = np.empty(len(words), dtype=np.int32)
    second = np.empty(len(words), dtype=np.int32)
    # The pair confirmed last for a protein: it need not be checked for its next words.
    last = np.full(len(starts), -1, dtype=np.int32)
    found = 0
    begin = 0
    while begin < len(words):
        end = begin + 1
        while end < len(words) and words[end] == words[begin]:
            end += 1
        centre = begin
        for j in range(begin, end):
            length = ends[owners[j]] - starts[owners[j]]
            if length > ends[owners[centre]] - starts[owners[centre]]:
                centre = j
        for j in range(begin, end):
            a, b = owners[centre], owners[j]
            if a == b or last[b] == a:
                continue
            score = _score(residues, starts, ends, a, places[centre], b, places[j])
            if score >= SCORE:
                first[found] = a
                second[found] = b
                found += 1
                last[b] = a
        begin = end
    return first[:found].copy(), second[:found].copy()


@njit(cache=True)
def _score(residues, starts, ends, a, place_a, b, place_b):
    """The best stretch without gaps through a shared word: 2 a match, -1 a mismatch."""
    total = 0
    for direction in (1, -1):
        i = starts[a] + place_a + (0 if direction == 1 else -1)
        j = starts[b] + place_b + (0 if direction == 1 else -1)
        score, best = 0, 0
        while starts[a] <= i < ends[a] and starts[b] <= j < ends[b] and best - score < _DROP:
            same = residues[i] == residues[j] and residues[i] != _NOTHING
            score += 2 if same else -1
            best = max(best, score)
            i += direction
            j += direction
        total += best
    return total
