"""One optimisation step: its loss, its SNRs, its weights."""

import torch
from toys import caption_feature, rand_images, segmentation_feature, small_system
from training_runs import config, system

from semcomm.training.module import TrainingModule


def test_a_step_is_the_mean_squared_error_at_the_drawn_snrs(photo_folder, tmp_path):
    module = TrainingModule(system().eval(), config(photo_folder, tmp_path))
    module.log = lambda *_, **__: None
    batch = {"images": (rand_images(5) * 255).to(torch.uint8)}
    seen = []
    forward = module.system.channel.forward
    module.system.channel.forward = lambda x, snr_db, **rest: seen.append(snr_db) or forward(x, snr_db, **rest)
    loss = module.training_step(batch)
    snrs = seen[0]
    assert snrs.shape == (5,)
    assert len(set(snrs.tolist())) == 5
    assert snrs.min() >= 0
    assert snrs.max() <= 20
    again = module.training_step(batch)
    assert torch.equal(loss, again)
    images = batch["images"].float() / 255
    generator = module._generator(0, 0)
    expected_snrs = 20 * torch.rand(5, generator=generator)
    received = module.system(images, expected_snrs, generator=generator)
    torch.testing.assert_close(loss, (received - images).square().mean())


def test_every_step_draws_anew(photo_folder, tmp_path, monkeypatch):
    module = TrainingModule(system().eval(), config(photo_folder, tmp_path, snr_db=0.0))
    module.log = lambda *_, **__: None
    batch = {"images": (rand_images(2) * 255).to(torch.uint8)}
    losses = []
    for step in (0, 1, 0):
        monkeypatch.setattr(TrainingModule, "global_step", step)
        losses.append(module.training_step(batch).item())
    assert losses[0] == losses[2] != losses[1]


def test_snrs_are_uniform_over_the_range(photo_folder, tmp_path):
    module = TrainingModule(system(), config(photo_folder, tmp_path, snr_db=(-5.0, 15.0)))
    drawn = torch.cat([module._snr_db(100, module._generator(0, step)) for step in range(100)])
    # uniform on -5..15: standard deviation 5.77, ten thousand draws; five deviations of the mean
    assert abs(drawn.mean().item() - 5) < 5 * 5.77 / 100
    assert abs(drawn.std().item() - 5.77) < 0.2
    assert drawn.min() >= -5
    assert drawn.max() <= 15
    fixed = TrainingModule(system(), config(photo_folder, tmp_path, snr_db=7.0))
    assert fixed._snr_db(100, fixed._generator(0, 0)) == 7.0


def test_frozen_weights_are_left_out_of_the_optimizer(photo_folder, tmp_path):
    built = small_system(caption=caption_feature(), segmentation=segmentation_feature())
    optimizer = TrainingModule(built, config(photo_folder, tmp_path)).configure_optimizers()
    optimised = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    frozen = {id(weight) for weight in built.parameters() if not weight.requires_grad}
    assert frozen
    assert not optimised & frozen
    assert len(optimised) + len(frozen) == len(list(built.parameters()))
