"""Messages of the wire. Generated from src/protocol by `npm run generate`; edit there."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

PROTOCOL_VERSION = 1
SCHEMA_SHA256 = "ee0df68e5e6d34c7eb104a4a61d90fcbc542322453f72f3d15582ce5bb9789b3"


class Accepted(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="accepted",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str


class AdafactorOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="adafactor",
):
    beta1: Annotated[float, Meta(ge=0, lt=1)] | None
    clipping_threshold: Annotated[float, Meta(gt=0)]
    decay_exponent: Annotated[float, Meta(gt=0, le=1)]
    epsilon: Annotated[float, Meta(gt=0)]
    learning_rate: Annotated[float, Meta(gt=0)] | None
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    relative_warmup: bool
    smallest_scale: Annotated[float, Meta(gt=0)] | None
    weight_decay: Annotated[float, Meta(ge=0)]


class AdamwEightBitOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="adamw-8bit",
):
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Annotated[float, Meta(gt=0)]
    learning_rate: Annotated[float, Meta(gt=0)]
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    weight_decay: Annotated[float, Meta(ge=0)]


class AdamwOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="adamw",
):
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Annotated[float, Meta(gt=0)]
    learning_rate: Annotated[float, Meta(gt=0)]
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    weight_decay: Annotated[float, Meta(ge=0)]


class AdaptedLayers(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    alphas: tuple[float, ...]
    kind: Literal["attention", "mlp", "convolution", "other"]
    layers: int
    overfull: int
    parameters: int
    part: Literal["unet", "text-encoder"]
    ranks: tuple[int, ...]
    wide_convolutions: int


class AdapterBlocks(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: tuple[float, ...] | None
    middle: tuple[float, ...] | None
    second_text_encoder: tuple[float, ...] | None
    text_encoder: tuple[float, ...] | None
    up: tuple[float, ...] | None


class AdapterDescription(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="inspect-adapter",
):
    family: Literal["sd-1", "sd-2", "sdxl"] | None


class AdapterReference(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    blocks: AdapterBlocks
    file: Annotated[str, Meta(min_length=1)]
    strength: float
    text_encoder_strength: float
    unet_strength: float


class Approximation(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    cut_layers: int
    largest_rank: int
    layers: int
    relative_error: float
    smallest_rank: int


class Attach(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="attach",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    from_sequence: Annotated[int, Meta(ge=1)]
    job_id: str


class AutoencoderTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="autoencoder",
):
    crop: Annotated[int, Meta(ge=16)] | None
    gradient_weight: Annotated[float, Meta(ge=0)]
    kl_weight: Annotated[float, Meta(ge=0)]


class BaseArchitecture(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    autoencoder_channels: Annotated[tuple[Annotated[int, Meta(ge=4)], ...], Meta(min_length=1, max_length=6)]
    autoencoder_layers_per_block: Annotated[int, Meta(ge=1, le=4)]
    family: Literal["sd-1", "sd-2", "sdxl"]
    image_size: Annotated[int, Meta(ge=8, le=1024)]
    inpainting: bool
    latent_channels: Annotated[int, Meta(ge=1, le=16)]
    norm_groups: Annotated[int, Meta(ge=1, le=32)]
    prediction: Literal["epsilon", "v_prediction"]
    second_text_layers: Annotated[int, Meta(ge=1, le=32)]
    second_text_width: Annotated[int, Meta(ge=8, le=2048)]
    text_heads: Annotated[int, Meta(ge=1, le=32)]
    text_layers: Annotated[int, Meta(ge=1, le=32)]
    text_width: Annotated[int, Meta(ge=8, le=2048)]
    transformer_layers: Annotated[tuple[Annotated[int, Meta(ge=1, le=16)], ...], Meta(min_length=3)] | None
    unet_attention_heads: Annotated[int, Meta(ge=1, le=32)]
    unet_channels: Annotated[tuple[Annotated[int, Meta(ge=4)], ...], Meta(min_length=3, max_length=4)]
    unet_layers_per_block: Annotated[int, Meta(ge=1, le=4)]
    vocabulary_size: Annotated[int, Meta(ge=514, le=49408)]


class BaseDescription(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="inspect-base",
):
    autoencoder_parameters: int
    family: Literal["sd-1", "sd-2", "sdxl"]
    image_size: int
    inpainting: bool
    latent_channels: int
    prediction: Literal["epsilon", "v_prediction"]
    reduction: int
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    size_step: int
    text_encoder_parameters: int
    text_width: int
    unet_parameters: int
    vocabulary_size: int


class BaseOutside(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="base",
):
    weight: Annotated[float, Meta(gt=0, le=1000)]


class BestByLoss(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    patience: Annotated[int, Meta(ge=1)] | None


class BlobDescription(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    dtype: Literal["uint8", "int32", "int64", "float16", "float32", "float64"]
    shape: tuple[Annotated[int, Meta(ge=0)], ...]


class RateCurve(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    base: Annotated[float, Meta(ge=0)]
    curve: Literal["cosine", "sine", "linear", "reverse-linear", "zeros"]


class BlockRates(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: RateCurve | tuple[Annotated[float, Meta(ge=0)], ...] | None
    middle: RateCurve | tuple[Annotated[float, Meta(ge=0)], ...] | None
    second_text_encoder: RateCurve | tuple[Annotated[float, Meta(ge=0)], ...] | None
    text_encoder: RateCurve | tuple[Annotated[float, Meta(ge=0)], ...] | None
    up: RateCurve | tuple[Annotated[float, Meta(ge=0)], ...] | None


class BucketSize(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    height: Annotated[int, Meta(ge=8)]
    width: Annotated[int, Meta(ge=8)]


class BucketPlan(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    places: Annotated[tuple[tuple[Annotated[int, Meta(ge=0)], ...], ...], Meta(min_length=1)]
    sizes: Annotated[tuple[BucketSize, ...], Meta(min_length=1)]


class BucketSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    largest: Annotated[int, Meta(ge=8, le=8192)] | None
    least: Annotated[int, Meta(ge=8, le=8192)] | None
    step: Annotated[int, Meta(ge=8, le=8192)] | None
    upscale: bool


class Bye(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="bye",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


class Cancel(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="cancel",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    how: Literal["cooperative", "exception"]
    job_id: str


class Cancelled(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="cancelled",
):
    checkpoint: str | None
    dropped_progress: int
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str
    level: Literal["queued", "cooperative", "exception"]
    milliseconds: float
    resumable: bool
    sequence: int


class CaptionSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    kept_tags: Annotated[int, Meta(ge=0, le=1000)]
    prefix: Annotated[str, Meta(max_length=8192)]
    shuffle: bool
    suffix: Annotated[str, Meta(max_length=8192)]
    tag_dropout: Annotated[float, Meta(ge=0, le=1)]


class CheckpointEndEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="checkpoint-end",
):
    path: str
    step: int


class ClassifierSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    augment: bool
    batch_size: Annotated[int, Meta(ge=2, le=1024)]
    channels: Annotated[tuple[Annotated[int, Meta(ge=4, le=512)], ...], Meta(min_length=2, max_length=6)]
    image_size: Annotated[int, Meta(ge=32, le=256)]
    learning_rate: Annotated[float, Meta(gt=0)]
    seed: Annotated[int, Meta(ge=0)]
    steps: Annotated[int, Meta(ge=1)]
    weight_decay: Annotated[float, Meta(ge=0)]


class ClassifyJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="classify",
):
    batch_size: Annotated[int, Meta(ge=1, le=1024)]
    classifier: str
    files: Annotated[tuple[str, ...], Meta(min_length=1)]


class Judgement(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    defect_probability: float
    features: tuple[float, ...]
    finger_probabilities: tuple[float, ...]
    fingers: int


class ClassifyResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="classify",
):
    judgements: tuple[Judgement, ...]
    seconds: float


class ConstantSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="constant",
):
    warmup_steps: Annotated[int, Meta(ge=0)]


class ControlNetTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="control-net",
):
    channels: Annotated[tuple[Annotated[int, Meta(ge=1, le=1024)], ...], Meta(min_length=2, max_length=8)]
    start: Annotated[str, Meta(min_length=1)] | None
    weights: Literal["float32", "float16", "bfloat16"]


class ControlReference(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    end: Annotated[float, Meta(gt=0, le=1)]
    file: Annotated[str, Meta(min_length=1)]
    start: Annotated[float, Meta(ge=0, lt=1)]
    strength: Annotated[float, Meta(ge=0)]


class Welcome(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="welcome",
):
    device: str
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    pid: int
    schema_sha256: str
    versions: dict[str, str]


class Refused(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="refused",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str | None
    message: str
    reason: Literal["malformed", "stale-epoch", "schema-mismatch", "version-mismatch", "unknown-job"]


class Pong(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="pong",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    id: int


class Status(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="status",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    id: int
    queued: tuple[str, ...]
    resident_bytes: int
    running: str | None
    uptime_seconds: float


ControlReply = Welcome | Refused | Pong | Status | Bye


class Hello(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="hello",
):
    client: str
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    protocol_version: int
    schema_sha256: str


class Ping(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="ping",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    id: int


class StatusRequest(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="status-request",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    id: int


class Shutdown(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="shutdown",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]


ControlRequest = Hello | Ping | StatusRequest | Cancel | Shutdown


class CosineRestartsSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="cosine-restarts",
):
    cycles: Annotated[int, Meta(ge=1, le=1000)]
    warmup_steps: Annotated[int, Meta(ge=0)]


class CosineSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="cosine",
):
    warmup_steps: Annotated[int, Meta(ge=0)]


class CreateBaseJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="create-base",
):
    architecture: BaseArchitecture
    captions: tuple[Annotated[str, Meta(max_length=8192)], ...]
    output: str
    seed: Annotated[int, Meta(ge=0)]
    weights: Literal["float32", "float16", "bfloat16"]


class CreateBaseResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="create-base",
):
    bytes: int
    folder: str


class Credit(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="credit",
):
    bytes: Annotated[int, Meta(ge=0)]
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str


class ItemPicture(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    file: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]


class DatasetItem(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    caption: str
    control: ItemPicture | None
    defect: bool | None
    file: str
    fingers: Annotated[int, Meta(ge=0, le=10)] | None
    height: Annotated[int, Meta(ge=1)]
    mask: ItemPicture | None
    repeats: Annotated[int, Meta(ge=1, le=100000)]
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    width: Annotated[int, Meta(ge=1)]


class DatasetReference(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    manifest: str
    root: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]


class DebiasedWeighting(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="debiased",
):
    pass


class SquaredLoss(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="squared",
):
    pass


class HuberLoss(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="huber",
):
    delta: Annotated[float, Meta(gt=0, le=1)]
    schedule: Literal["constant", "exponential", "snr"]


class SmoothL1Loss(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="smooth-l1",
):
    delta: Annotated[float, Meta(gt=0, le=1)]
    schedule: Literal["constant", "exponential", "snr"]


DenoisingLoss = SquaredLoss | HuberLoss | SmoothL1Loss


class Detach(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="detach",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str


class TrainResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="train",
):
    approximation: Approximation | None
    bytes: int
    exported_step: int
    final_loss: float
    held_out_loss: float | None
    kind: Literal["lora", "embedding", "base", "control-net"]
    path: str
    peak_memory_bytes: int
    resumed_from: int
    seconds: float
    series: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    skipped_steps: int
    steps: int
    trained_parameters: int
    truncated_captions: int


class WrittenFile(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    bytes: Annotated[int, Meta(ge=0)]
    path: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]


class LeftOut(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    share: float
    tensors: int


class ExtractResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="extract",
):
    approximation: Approximation
    file: WrittenFile
    left_out: LeftOut


class TrainedGroup(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    learning_rate: float | None
    parameters: int
    tensors: int


class TrainingMemory(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    average: int
    gradients: int
    optimizer: int
    weights: int


class StepCost(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    peak_memory: int
    seconds: float


class ExplainResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="explain",
):
    base_parameters: int
    family: Literal["sd-1", "sd-2", "sdxl"]
    groups: tuple[TrainedGroup, ...]
    height: int
    inpainting: bool
    layers: tuple[AdaptedLayers, ...]
    memory: TrainingMemory
    prediction: Literal["epsilon", "v_prediction"]
    result_bytes: int
    step_cost: StepCost | None
    trained_parameters: int
    width: int


class SampleResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="sample",
):
    images: int
    peak_memory_bytes: int
    seconds: float
    truncated_tokens: tuple[int, ...]


class TrainClassifierResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="train-classifier",
):
    file: WrittenFile
    final_loss: float
    parameters: int
    seconds: float


class EmbedResult(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="embed",
):
    file: WrittenFile
    logit_scale: float | None
    seconds: float
    width: int


JobResult = (
    BaseDescription
    | AdapterDescription
    | CreateBaseResult
    | TrainResult
    | ExtractResult
    | ExplainResult
    | SampleResult
    | TrainClassifierResult
    | ClassifyResult
    | EmbedResult
)


class Done(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="done",
):
    dropped_progress: int
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str
    result: JobResult
    sequence: int


class StoredClassifier(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="finger-classifier",
):
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    weights: str


class StoredInception(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="inception",
):
    resize: Literal["pillow-bicubic", "tensorflow-bilinear"]
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    weights: str


class StoredClip(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="clip",
):
    folder: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]


class StoredDinov2(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="dinov2",
):
    folder: str
    sha256: Annotated[str, Meta(min_length=64, max_length=64)]


class SharpnessExtractor(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="sharpness",
):
    pass


StoredExtractor = StoredClassifier | StoredInception | StoredClip | StoredDinov2 | SharpnessExtractor


class EmbedJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="embed",
):
    batch_size: Annotated[int, Meta(ge=1, le=1024)]
    extractor: StoredExtractor
    files: tuple[str, ...]
    output: str
    texts: tuple[Annotated[str, Meta(max_length=8192)], ...]


class ErrorCause(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    class_name: str
    message: str


Phase = Literal["loading", "caching", "stepping", "sampling", "saving"]


class PhaseStartEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="phase-start",
):
    phase: Phase
    total: int


class StepEndEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="step-end",
):
    gradient_norm: float
    held_out_loss: float | None
    learning_rate: float
    loss: float
    off_mask_loss: float | None
    on_mask_loss: float | None
    seconds: float
    step: int
    total: int


class StepSkipEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="step-skip",
):
    held_out_loss: float | None
    scale: float
    seconds: float
    skipped: int
    step: int
    total: int


class ProgressEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="progress-update",
):
    done: int
    total: int


class ImageEndEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="image-end",
):
    blob: int
    height: int
    index: int
    prompt: str
    seed: int
    step: int | None
    width: int


class LogEvent(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="log-line",
):
    dropped: int
    stream: Literal["stdout", "stderr", "warning"]
    text: str


JobEvent = (
    PhaseStartEvent | StepEndEvent | StepSkipEvent | ProgressEvent | CheckpointEndEvent | ImageEndEvent | LogEvent
)


class Event(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="event",
):
    blobs: tuple[BlobDescription, ...]
    dropped_progress: int
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    event: JobEvent
    job_id: str
    sequence: int


class StoredBase(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="stored",
):
    path: str


class PublishedBase(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="published",
):
    name: Literal["sd-1.5", "sd-2.1", "sdxl-1.0"]


ExplainedBase = StoredBase | PublishedBase


class TrainingSubset(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    caption_dropout: Annotated[float, Meta(ge=0, le=1)]
    captions: CaptionSettings
    crop: Literal["centre", "random"]
    dataset: DatasetReference
    flip: bool
    inpainting_masks: Literal["random", "dataset"]
    regularisation: bool
    repeats: Annotated[int, Meta(ge=1, le=100000)]
    weight: Annotated[float, Meta(gt=0, le=1000)]


class NothingOutside(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="nothing",
):
    pass


class ImageOutside(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="image",
):
    weight: Annotated[float, Meta(gt=0, le=1000)]


MaskOutside = NothingOutside | ImageOutside | BaseOutside


class MaskedLoss(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    outside: MaskOutside


class PyramidNoise(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    discount: Annotated[float, Meta(gt=0, le=1)]
    iterations: Annotated[int, Meta(ge=1, le=16)]


class TrainingNoise(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    offset: Annotated[float, Meta(ge=0, le=1)]
    perturbation: Annotated[float, Meta(ge=0, le=1)]
    pyramid: PyramidNoise | None
    random_offset: bool


class UniformWeighting(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="uniform",
):
    pass


class MinSnrWeighting(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="min-snr",
):
    gamma: Annotated[float, Meta(gt=0)]


TimestepWeighting = UniformWeighting | MinSnrWeighting | DebiasedWeighting


class Objective(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    loss: DenoisingLoss
    mask: MaskedLoss | None
    noise: TrainingNoise
    weighting: TimestepWeighting
    zero_terminal_snr: bool


class LionOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="lion",
):
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    learning_rate: Annotated[float, Meta(gt=0)]
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    weight_decay: Annotated[float, Meta(ge=0)]


class ProdigyOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="prodigy",
):
    beta1: Annotated[float, Meta(ge=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    beta3: Annotated[float, Meta(ge=0, lt=1)] | None
    bias_correction: bool
    d0: Annotated[float, Meta(gt=0)]
    d_coefficient: Annotated[float, Meta(gt=0)]
    epsilon: Annotated[float, Meta(gt=0)]
    growth_rate: Annotated[float, Meta(gt=1)] | None
    learning_rate: Annotated[float, Meta(gt=0)]
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    safeguard_warmup: bool
    slice: Annotated[int, Meta(ge=1)]
    weight_decay: Annotated[float, Meta(ge=0)]


class ScheduleFreeOptimizer(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="schedule-free",
):
    average_power: Annotated[float, Meta(ge=0)]
    beta1: Annotated[float, Meta(gt=0, lt=1)]
    beta2: Annotated[float, Meta(ge=0, lt=1)]
    epsilon: Annotated[float, Meta(gt=0)]
    learning_rate: Annotated[float, Meta(gt=0)]
    maximum_gradient_norm: Annotated[float, Meta(gt=0)] | None
    rate_power: Annotated[float, Meta(ge=0)]
    warmup_steps: Annotated[int, Meta(ge=0)]
    weight_decay: Annotated[float, Meta(ge=0)]


Optimizer = (
    AdamwOptimizer
    | AdamwEightBitOptimizer
    | AdafactorOptimizer
    | LionOptimizer
    | ProdigyOptimizer
    | ScheduleFreeOptimizer
)


class TextSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    clip_skip: Annotated[int, Meta(ge=1, le=32)] | None
    max_tokens: Literal[75, 150, 225]
    weights: bool


class PreviewSampling(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    batch_size: Annotated[int, Meta(ge=1, le=256)]
    guidance: Annotated[float, Meta(ge=0)]
    guidance_rescale: Annotated[float, Meta(ge=0, le=1)]
    height: Annotated[int, Meta(ge=8, le=4096)] | None
    sampler: Literal["ddim", "ddpm", "euler", "euler-ancestral", "heun", "dpmpp-2m", "dpmpp-2m-karras", "unipc"]
    steps: Annotated[int, Meta(ge=1, le=1000)]
    text: TextSettings | None
    width: Annotated[int, Meta(ge=8, le=4096)] | None
    zero_terminal_snr: bool


class PreviewSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    control: Annotated[str, Meta(min_length=1)] | None
    every: Annotated[int, Meta(ge=1)]
    negative_prompt: Annotated[str, Meta(max_length=8192)]
    prompts: Annotated[tuple[Annotated[str, Meta(max_length=8192)], ...], Meta(min_length=1, max_length=64)]
    sampling: PreviewSampling
    seeds: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(min_length=1, max_length=64)]


class LinearSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="linear",
):
    warmup_steps: Annotated[int, Meta(ge=0)]


class PolynomialSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="polynomial",
):
    end_factor: Annotated[float, Meta(ge=0, lt=1)]
    power: Annotated[float, Meta(gt=0, le=100)]
    warmup_steps: Annotated[int, Meta(ge=0)]


class OneCycleSchedule(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="one-cycle",
):
    end_factor: Annotated[float, Meta(ge=0, le=1)]
    rise_share: Annotated[float, Meta(gt=0, lt=1)]
    start_factor: Annotated[float, Meta(gt=0, le=1)]


Schedule = (
    ConstantSchedule | LinearSchedule | CosineSchedule | CosineRestartsSchedule | PolynomialSchedule | OneCycleSchedule
)


class LoraBlockAlphas(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: tuple[Annotated[float, Meta(gt=0)], ...] | None
    middle: tuple[Annotated[float, Meta(gt=0)], ...] | None
    second_text_encoder: tuple[Annotated[float, Meta(gt=0)], ...] | None
    text_encoder: tuple[Annotated[float, Meta(gt=0)], ...] | None
    up: tuple[Annotated[float, Meta(gt=0)], ...] | None


class LoraConvolutionAlphas(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: tuple[Annotated[float, Meta(gt=0)], ...] | None
    middle: tuple[Annotated[float, Meta(gt=0)], ...] | None
    up: tuple[Annotated[float, Meta(gt=0)], ...] | None


class LoraConvolutionRanks(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    middle: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    up: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None


class LoraBlockRanks(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    down: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    middle: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    second_text_encoder: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    text_encoder: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None
    up: tuple[Annotated[int, Meta(ge=0, le=1024)], ...] | None


class LoraBlocks(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    alphas: LoraBlockAlphas
    convolution_alphas: LoraConvolutionAlphas
    convolution_ranks: LoraConvolutionRanks
    ranks: LoraBlockRanks
    rates: BlockRates


class LoraPattern(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    alpha: Annotated[float, Meta(gt=0)] | None
    match: Annotated[str, Meta(min_length=1, max_length=512)]
    rank: Annotated[int, Meta(ge=0, le=1024)] | None


class LoraTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="lora",
):
    alpha: Annotated[float, Meta(gt=0)]
    blocks: LoraBlocks
    convolution_alpha: Annotated[float, Meta(gt=0)] | None
    convolution_rank: Annotated[int, Meta(ge=1, le=1024)] | None
    decomposed: bool
    maximum_norm: Annotated[float, Meta(gt=0)] | None
    module_dropout: Annotated[float, Meta(ge=0, lt=1)]
    network_dropout: Annotated[float, Meta(ge=0, lt=1)]
    parts: Annotated[tuple[Literal["unet", "text-encoder"], ...], Meta(min_length=1)]
    patterns: tuple[LoraPattern, ...]
    rank: Annotated[int, Meta(ge=1, le=1024)]
    rank_dropout: Annotated[float, Meta(ge=0, lt=1)]
    start: Annotated[str, Meta(min_length=1)] | None
    targets: tuple[Literal["attention", "mlp", "convolution"], ...]
    text_encoder_learning_rate: Annotated[float, Meta(gt=0)] | None
    unet_learning_rate: Annotated[float, Meta(gt=0)] | None
    up_learning_rate_ratio: Annotated[float, Meta(gt=0)]


class LohaTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="loha",
):
    alpha: Annotated[float, Meta(gt=0)]
    blocks: LoraBlocks
    convolution_alpha: Annotated[float, Meta(gt=0)] | None
    convolution_rank: Annotated[int, Meta(ge=1, le=1024)] | None
    module_dropout: Annotated[float, Meta(ge=0, lt=1)]
    parts: Annotated[tuple[Literal["unet", "text-encoder"], ...], Meta(min_length=1)]
    patterns: tuple[LoraPattern, ...]
    rank: Annotated[int, Meta(ge=1, le=1024)]
    rank_dropout: Annotated[float, Meta(ge=0, lt=1)]
    targets: tuple[Literal["attention", "mlp", "convolution"], ...]
    text_encoder_learning_rate: Annotated[float, Meta(gt=0)] | None
    unet_learning_rate: Annotated[float, Meta(gt=0)] | None


class LokrTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="lokr",
):
    alpha: Annotated[float, Meta(gt=0)]
    blocks: LoraBlocks
    convolution_alpha: Annotated[float, Meta(gt=0)] | None
    convolution_rank: Annotated[int, Meta(ge=1, le=1024)] | None
    factor: Annotated[int, Meta(ge=2, le=1024)] | None
    module_dropout: Annotated[float, Meta(ge=0, lt=1)]
    parts: Annotated[tuple[Literal["unet", "text-encoder"], ...], Meta(min_length=1)]
    patterns: tuple[LoraPattern, ...]
    rank: Annotated[int, Meta(ge=1, le=1024)] | None
    rank_dropout: Annotated[float, Meta(ge=0, lt=1)]
    targets: tuple[Literal["attention", "mlp", "convolution"], ...]
    text_encoder_learning_rate: Annotated[float, Meta(gt=0)] | None
    unet_learning_rate: Annotated[float, Meta(gt=0)] | None


class LearnedToken(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    initial_word: Annotated[str, Meta(min_length=1, max_length=256)] | None
    placeholder: Annotated[str, Meta(min_length=1, max_length=64)]
    vectors: Annotated[int, Meta(ge=1, le=64)]


class TextualInversionTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="textual-inversion",
):
    norm: Literal["none", "initial", "vocabulary"]
    templates: Annotated[tuple[Annotated[str, Meta(max_length=512, pattern=r"\{\}")], ...], Meta(min_length=1)]
    tokens: Annotated[tuple[LearnedToken, ...], Meta(min_length=1, max_length=64)]


class NegativeEmbeddingTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="negative-embedding",
):
    guidance: Annotated[float, Meta(gt=1, le=100)]
    initial_word: Annotated[str, Meta(max_length=256)] | None
    norm: Literal["none", "initial", "vocabulary"]
    placeholder: Annotated[str, Meta(min_length=1, max_length=64)]
    vectors: Annotated[int, Meta(ge=1, le=64)]


class FullBlocks(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    rates: BlockRates


class LowRankSize(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    bytes: Annotated[int, Meta(ge=1)] | None
    rank: Annotated[int, Meta(ge=1, le=65536)] | None


class FullTechnique(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="full",
):
    blocks: FullBlocks
    layout: Literal["diffusers", "single-file"] | LowRankSize
    parts: Annotated[tuple[Literal["unet", "text-encoder"], ...], Meta(min_length=1)]
    patterns: tuple[Annotated[str, Meta(min_length=1, max_length=512)], ...]
    text_encoder_learning_rate: Annotated[float, Meta(gt=0)] | None
    unet_learning_rate: Annotated[float, Meta(gt=0)] | None
    weights: Literal["float32", "float16", "bfloat16"]


Technique = (
    LoraTechnique
    | LohaTechnique
    | LokrTechnique
    | TextualInversionTechnique
    | NegativeEmbeddingTechnique
    | ControlNetTechnique
    | FullTechnique
    | AutoencoderTechnique
)


class TrainingSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    accumulation: Annotated[int, Meta(ge=1, le=1024)]
    batch_size: Annotated[int, Meta(ge=1, le=1024)]
    buckets: BucketSettings | None
    checkpoint_every: Annotated[int, Meta(ge=1)]
    checkpoints_kept: Annotated[int, Meta(ge=1)]
    ema_decay: Annotated[float, Meta(gt=0, lt=1)] | None
    gradient_checkpointing: bool
    height: Annotated[int, Meta(ge=8, le=4096)] | None
    objective: Objective
    optimizer: Optimizer
    precision: Literal["float32", "bfloat16", "float16"]
    preview: PreviewSettings | None
    schedule: Schedule
    seed: Annotated[int, Meta(ge=0)]
    steps: Annotated[int, Meta(ge=1, le=10000000)]
    technique: Technique
    text: TextSettings
    width: Annotated[int, Meta(ge=8, le=4096)] | None


class ExplainJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="explain",
):
    base: ExplainedBase
    measured: tuple[TrainingSubset, ...]
    settings: TrainingSettings


class ExtractJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="extract",
):
    base: str
    output: str
    size: LowRankSize
    tuned: str
    weights: Literal["float32", "float16", "bfloat16"]


class WireError(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    causes: tuple[ErrorCause, ...]
    class_name: str
    code: str
    facts: dict[str, str | float | bool | None]
    log_lines: tuple[str, ...]
    message: str
    place: Literal["config", "worker", "protocol", "job", "dataset", "artefact"]
    retryable: bool
    traceback: str


class Failed(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="failed",
):
    dropped_progress: int
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    error: WireError
    job_id: str
    sequence: int


class Gap(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="gap",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    first_available: int
    from_sequence: int
    job_id: str


class HeldOutSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    best: BestByLoss | None
    dataset: DatasetReference
    every: Annotated[int, Meta(ge=1)]


class InitialImage(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    file: Annotated[str, Meta(min_length=1)]
    mask: Annotated[str, Meta(min_length=1)] | None
    mask_blur: Annotated[float, Meta(ge=0, le=256)]
    strength: Annotated[float, Meta(gt=0, le=1)]


class InspectAdapterJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="inspect-adapter",
):
    file: str


class InspectBaseJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="inspect-base",
):
    base: str


class TrainJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="train",
):
    base: str
    buckets: BucketPlan | None
    held_out: HeldOutSettings | None
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    output: str
    pause_after: Annotated[int, Meta(ge=1)] | None
    settings: TrainingSettings
    subsets: Annotated[tuple[TrainingSubset, ...], Meta(min_length=1)]


class SampleRequest(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    controls: tuple[Annotated[str, Meta(min_length=1)], ...]
    image: InitialImage | None
    negative_prompt: Annotated[str, Meta(max_length=8192)]
    prompt: Annotated[str, Meta(max_length=8192)]
    seed: Annotated[int, Meta(ge=0)]


class SamplingSettings(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    batch_size: Annotated[int, Meta(ge=1, le=256)]
    guidance: Annotated[float, Meta(ge=0)]
    guidance_rescale: Annotated[float, Meta(ge=0, le=1)]
    height: Annotated[int, Meta(ge=8, le=4096)] | None
    sampler: Literal["ddim", "ddpm", "euler", "euler-ancestral", "heun", "dpmpp-2m", "dpmpp-2m-karras", "unipc"]
    steps: Annotated[int, Meta(ge=1, le=1000)]
    text: TextSettings
    width: Annotated[int, Meta(ge=8, le=4096)] | None
    zero_terminal_snr: bool


class SampleJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="sample",
):
    adapters: tuple[AdapterReference, ...]
    base: str
    controls: tuple[ControlReference, ...]
    requests: Annotated[tuple[SampleRequest, ...], Meta(min_length=1)]
    sampling: SamplingSettings


class TrainClassifierJob(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="train-classifier",
):
    dataset: DatasetReference
    output: str
    settings: ClassifierSettings


Job = (
    InspectBaseJob
    | InspectAdapterJob
    | CreateBaseJob
    | TrainJob
    | ExtractJob
    | ExplainJob
    | SampleJob
    | TrainClassifierJob
    | ClassifyJob
    | EmbedJob
)


class Replay(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="replay",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    from_sequence: int
    job_id: str


class Waiting(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="waiting",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job_id: str
    outstanding_bytes: int


JobsReply = Refused | Accepted | Replay | Gap | Waiting | Event | Done | Failed | Cancelled


class Submit(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="submit",
):
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    job: Job
    job_id: str


JobsRequest = Submit | Attach | Detach | Credit


class Network(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    client_key: Annotated[str, Meta(min_length=40, max_length=40)]
    control_endpoint: str
    jobs_endpoint: str


class Launch(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
):
    blob_credit_bytes: Annotated[int, Meta(ge=1)]
    control_endpoint: str
    device: str
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    jobs_endpoint: str
    journal_messages: Annotated[int, Meta(ge=1)]
    network: Network | None
    parent_pid: Annotated[int, Meta(ge=1)]
    progress_buffer: Annotated[int, Meta(ge=1)]
    ready_descriptor: Annotated[int, Meta(ge=3)]
    stderr_file: str
    stdout_file: str


class Ready(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="ready",
):
    control_endpoint: str
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
    jobs_endpoint: str
    pid: Annotated[int, Meta(ge=1)]
    schema_sha256: Annotated[str, Meta(min_length=64, max_length=64)]
    server_key: Annotated[str, Meta(min_length=40, max_length=40)] | None


class StartFailed(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    tag="start-failed",
):
    error: WireError


StartReport = Ready | StartFailed
