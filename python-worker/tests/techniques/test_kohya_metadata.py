"""Settings as sd-scripts words them."""

from __future__ import annotations

import msgspec

from phalanx_worker.protocol.messages import (
    ConstantSchedule,
    CosineRestartsSchedule,
    DebiasedWeighting,
    HuberLoss,
    MinSnrWeighting,
    OneCycleSchedule,
    PolynomialSchedule,
    PyramidNoise,
    TrainingNoise,
)
from phalanx_worker.techniques.kohya_metadata import objective_metadata, schedule_metadata
from tests.small import PLAIN


def test_schedules_have_the_names_of_the_command_line() -> None:
    assert schedule_metadata(ConstantSchedule(warmup_steps=0))["ss_lr_scheduler"] == "constant"
    assert schedule_metadata(ConstantSchedule(warmup_steps=3)) == {
        "ss_lr_scheduler": "constant_with_warmup",
        "ss_lr_warmup_steps": "3",
    }
    restarts = CosineRestartsSchedule(warmup_steps=0, cycles=2)
    assert schedule_metadata(restarts)["ss_lr_scheduler"] == "cosine_with_restarts"
    polynomial = PolynomialSchedule(warmup_steps=0, power=1.0, end_factor=0.0)
    assert schedule_metadata(polynomial)["ss_lr_scheduler"] == "polynomial"
    cycle = OneCycleSchedule(rise_share=0.3, start_factor=0.04, end_factor=0.0)
    assert schedule_metadata(cycle)["ss_lr_scheduler"].endswith("OneCycleLR")


def test_what_is_off_is_none_and_what_is_on_has_its_value() -> None:
    off = objective_metadata(PLAIN)
    assert {name: value for name, value in off.items() if value not in ("None", "False")} == {"ss_loss_type": "l2"}
    on = objective_metadata(
        msgspec.structs.replace(
            PLAIN,
            loss=HuberLoss(delta=0.2, schedule="exponential"),
            weighting=MinSnrWeighting(gamma=5.0),
            noise=TrainingNoise(
                offset=0.05, random_offset=True, pyramid=PyramidNoise(iterations=6, discount=0.3), perturbation=0.1
            ),
        )
    )
    assert "None" not in on.values()
    assert (on["ss_loss_type"], on["ss_huber_schedule"], on["ss_huber_c"]) == ("huber", "exponential", "0.2")
    assert (on["ss_min_snr_gamma"], on["ss_noise_offset"], on["ss_multires_noise_iterations"]) == ("5.0", "0.05", "6")
    debiased = msgspec.structs.replace(PLAIN, weighting=DebiasedWeighting())
    assert objective_metadata(debiased)["ss_debiased_estimation"] == "True"
    rescaled = msgspec.structs.replace(PLAIN, zero_terminal_snr=True)
    assert objective_metadata(rescaled)["ss_zero_terminal_snr"] == "True"
