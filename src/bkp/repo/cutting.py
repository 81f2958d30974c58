"""Which chunker a repository's config asks for, and what a new config says.

restic's repositories are cut by Rabin fingerprints under the polynomial of
their config.  Two further keys, which restic ignores, change that: rustic's
`chunker` and sizes, and bkp's own `bkp_chunker`, which chooses FastCDC with a
table that only holders of the master key can compute.
"""

from bkp.chunking import Chunker
from bkp.chunking.fastcdc import TABLE_BYTES, FastCDC
from bkp.chunking.fixed import FixedSize
from bkp.chunking.params import DEFAULT_SIZES, ChunkSizes
from bkp.chunking.rabin import Rabin
from bkp.crypto.derive import derive
from bkp.crypto.seal import Key
from bkp.errors import UnsupportedFormat
from bkp.formats.config import Config

# Part of the format: another label is another table, which finds no duplicates of the first.
_TABLE_LABEL = "bkp chunker fastcdc gear table v1"


def chunker_for(config: Config, key: Key) -> Chunker:
    """Return the chunker by which all clients must cut this repository.

    Raises UnsupportedFormat for one that this version does not know: cutting
    otherwise would store everything again.
    """
    match config.bkp_chunker or config.chunker or "rabin":
        case "rabin":
            return Rabin(config.chunker_polynomial, _sizes(config))
        case "fastcdc":
            return FastCDC(derive(key, _TABLE_LABEL, TABLE_BYTES), _sizes(config))
        case "fixed_size":
            return FixedSize(config.chunk_size or DEFAULT_SIZES.target)
        case unknown:
            raise UnsupportedFormat(
                f"the repository is cut by {unknown!r}, which this version of bkp does not know"
            )


def _sizes(config: Config) -> ChunkSizes:
    return ChunkSizes(
        minimum=config.chunk_min_size or DEFAULT_SIZES.minimum,
        target=config.chunk_size or DEFAULT_SIZES.target,
        maximum=config.chunk_max_size or DEFAULT_SIZES.maximum,
    )
