"""What helps against what a check found: commands, in the order in which they help."""

from collections.abc import Iterator

from bkp.ops.check.faults import FaultKind
from bkp.ops.check.run import CheckResult

_LOSING = {FaultKind.PACK, FaultKind.BLOB, FaultKind.TREE}


def remedies(result: CheckResult) -> Iterator[str]:
    """Yield them.  Packs can only be repaired with an index in order, snapshots after both."""
    if result.needs_index:
        yield "bkp repair index"
    if result.broken_packs:
        yield f"bkp repair packs {' '.join(pack.hex() for pack in result.broken_packs)}"
    snapshots = _ids(result, FaultKind.SNAPSHOT)
    if snapshots:
        yield f"bkp repair snapshots --forget {' '.join(snapshots)}"
        yield "bkp recover"
    if any(fault.kind in _LOSING and fault.harm.snapshots for fault in result.faults):
        yield "bkp snapshot PATH...  # stores anew what is lost, but still on disk"
        yield "bkp repair snapshots --forget  # takes what is lost out of the snapshots"
    for key in _ids(result, FaultKind.KEY):
        yield f"bkp key remove {key}"


def _ids(result: CheckResult, kind: FaultKind) -> list[str]:
    return [fault.where.rpartition("/")[2][:8] for fault in result.faults if fault.kind is kind]
