"""What a sentence says of the finding in the sentence before it («It has resolved»).

This is the second pass, outside the store of sentences, since it depends on two of them. A sentence
of `echoes.yaml` speaks of the mentions of the sentence right before it in the same section: of all
that are stated present or uncertain if it is plural («these»), otherwise of the first of them. Its
assertion replaces theirs, with the echo as the cue; its change fills the column where the sentence
itself says nothing.
"""

import numpy as np
from numpy.typing import NDArray

from labelers.sentence_store import STATES, SentenceStore
from labelers.vocabulary.loader import ASSERTIONS

_SPOKEN_OF = tuple(ASSERTIONS.index(name) for name in ("present", "uncertain"))


def hear_echoes(
    store: SentenceStore,
    sentence: NDArray[np.int32],
    section: NDArray[np.int32],
    offset: NDArray[np.int32],
    exam: NDArray[np.int32],
    position: NDArray[np.int64],
    columns: dict[str, NDArray[np.int32]],
    normal: NDArray[np.bool_],
) -> None:
    """Change the columns of the mentions that a following sentence speaks of, in place.

    Parameters
    ----------
    store
        Of the sentences.
    sentence, section, offset, exam
        Number, section number, first code point and exam row of each sentence, (n_sentences,).
    position
        The place of each mention's sentence among them, ascending, (n_mentions,).
    columns
        As `SentenceStore.gather` returns them, (n_mentions,) each.
    normal
        Which findings are statements of normality, never spoken of, (n_findings,).
    """
    echoing = np.flatnonzero(store.echoing(sentence))
    echoing = echoing[echoing > 0]
    before = echoing - 1
    near = (exam[before] == exam[echoing]) & (section[before] == section[echoing])
    for place in echoing[near].tolist():
        first, last = np.searchsorted(position, (place - 1, place)).tolist()
        rows = [
            n
            for n in range(first, last)
            if columns["assertion"][n] in _SPOKEN_OF and not normal[columns["finding"][n]]
        ]
        if not rows:
            continue
        echo, cue, length = store.echo(int(sentence[place]))
        for row in rows if echo.plural else rows[:1]:
            if echo.change is not None and columns["change"][row] < 0:
                columns["change"][row] = store.number_of(echo.change)
            if echo.assertion is None:
                continue
            columns["assertion"][row] = ASSERTIONS.index(echo.assertion)
            columns["state"][row] = STATES[echo.assertion]
            # Offsets of a cue are counted from the mention's own sentence.
            start = int(offset[place] - offset[place - 1])
            columns["cue"][row] = cue
            columns["cue_start"][row] = start
            columns["cue_end"][row] = start + length
