"""A low-rank file of what two bases differ in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from phalanx_worker.artefacts.tensors import file_sha256, write_tensors
from phalanx_worker.model.low_rank_difference import ChangedLayer, LowRankDifference, low_rank_difference
from phalanx_worker.model.save import StoredType
from phalanx_worker.protocol.messages import Approximation, LowRankSize
from phalanx_worker.techniques.kohya_metadata import with_hashes
from phalanx_worker.techniques.technique import WrittenArtefact


def write_extracted(
    path: Path,
    layers: Sequence[ChangedLayer],
    size: LowRankSize,
    weights: StoredType,
    metadata: Mapping[str, str],
    progress: Callable[[int, int], None],
) -> WrittenArtefact:
    """Write the layers' differences as a LoRA in kohya's layout, which every reader of LoRAs takes.

    Raises what `low_rank_difference` and `write_tensors` raise.
    """
    rank = "Dynamic" if size.rank is None else str(size.rank)
    known = {**metadata, "ss_network_module": "networks.lora", "ss_network_dim": rank, "ss_network_alpha": rank}
    found = low_rank_difference(layers, size, weights, _told(known, 1.0, {}), progress)
    write_tensors(path, found.tensors, _told(known, found.relative_error, found.tensors))
    return WrittenArtefact("lora", path, file_sha256(path), path.stat().st_size, _approximation(found))


def _told(known: Mapping[str, str], relative_error: float, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    # Always as long, so that the size of the file is known before the numbers are.
    return with_hashes({**known, "phalanx.relative_error": f"{relative_error:.6e}"}, tensors)


def _approximation(found: LowRankDifference) -> Approximation:
    return Approximation(
        layers=len(found.ranks),
        smallest_rank=min(found.ranks.values()),
        largest_rank=max(found.ranks.values()),
        cut_layers=found.cut_layers,
        relative_error=found.relative_error,
    )
