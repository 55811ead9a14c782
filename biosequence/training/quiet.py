"""Silence of the libraries below, so that what they print never stands among results."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries(*, cpu: bool) -> Iterator[None]:
    """Inside, transformers draws no bars and DeepSpeed and accelerate report nothing below errors.

    Parameters
    ----------
    cpu
        Whether no GPU is to be used; DeepSpeed then need not look for one, and complain.
    """
    if cpu:
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    from transformers.utils import logging as theirs

    level, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    loggers = [logging.getLogger(name) for name in ("DeepSpeed", "accelerate")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for module in ("accelerate", "deepspeed", "peft", "torch", "transformers"):
                # They warn each other of what they will change.
                warnings.filterwarnings("ignore", category=FutureWarning, module=module)
            yield
    finally:
        theirs.set_verbosity(level)
        for logger, old in zip(loggers, before, strict=True):
            logger.setLevel(old)
        if bars:
            theirs.enable_progress_bar()
