"""The equations of the world model's diffusion, against their sources."""

import pytest

torch = pytest.importorskip("torch")

from lightemma.worldmodel.actions import ActionSpace  # noqa: E402
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, from_bytes, in_levels, to_bytes  # noqa: E402
from lightemma.worldmodel.edm import NoiseLevels, Preconditioner, Sampler, karras_sigmas, noise_like  # noqa: E402
from lightemma.worldmodel.unet import PUBLISHED, NetworkShape, UNet, count_parameters  # noqa: E402

SMALL = NetworkShape((8, 16), 1, 16, patch=2, attention=True)


def small(kind="edm", **more):
    torch.manual_seed(0)
    return Denoiser(DenoiserShape(kind=kind, past=2, network=SMALL, **more))


def test_without_noise_the_picture_is_kept_and_with_noise_alone_nothing_of_it():
    scalings = Preconditioner(0.5)
    little, much = torch.tensor([1e-4]), torch.tensor([1e4])
    assert scalings.c_skip(little).item() == pytest.approx(1.0, abs=1e-6)
    assert scalings.c_out(little).item() == pytest.approx(1e-4, rel=1e-5)
    assert scalings.c_skip(much).item() == pytest.approx(0.0, abs=1e-6)
    assert scalings.c_out(much).item() == pytest.approx(0.5, rel=1e-5)


@pytest.mark.parametrize("offset", [0.0, 0.3])
@pytest.mark.parametrize("sigma", [0.002, 0.1, 0.67, 5.0, 20.0])
def test_input_and_target_of_the_network_have_unit_variance(offset, sigma):
    random = torch.Generator().manual_seed(3)
    scalings = Preconditioner(0.5, offset)
    clean = 0.5 * torch.randn((3000, 3, 4, 4), generator=random)
    level = torch.full((len(clean),), sigma)
    own, shared = noise_like(clean, offset, random)
    noisy = clean + sigma * own + shared
    assert scalings.target(clean, noisy, level).var().item() == pytest.approx(1.0, rel=0.1)
    assert (scalings.c_in(level).reshape(-1, 1, 1, 1) * noisy).var().item() == pytest.approx(1.0, rel=0.1)


def test_a_target_is_what_gives_the_clean_picture_back():
    scalings = Preconditioner(0.5, 0.3)
    clean, noisy, level = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2), torch.tensor([0.01, 0.1, 1.0, 10.0])
    back = scalings.denoised(scalings.target(clean, noisy, level), noisy, level)
    assert torch.allclose(back, clean, atol=1e-5)


def test_noise_levels_are_log_normal_and_cut():
    drawn = NoiseLevels().draw(20000, torch.Generator().manual_seed(0))
    assert drawn.log().mean().item() == pytest.approx(-0.4, abs=0.03)
    assert drawn.log().std().item() == pytest.approx(1.2, abs=0.03)
    assert NoiseLevels(spread=9.0).draw(1000).min() >= 2e-3


def test_the_samplers_sigmas_are_those_of_karras():
    # (most^(1/7) + i/(n-1) (least^(1/7) - most^(1/7)))^7, worked out by hand for n = 3
    middle = ((5.0 ** (1 / 7) + 0.002 ** (1 / 7)) / 2) ** 7
    assert Sampler(3).sigmas().tolist() == pytest.approx([5.0, middle, 0.002, 0.0], rel=1e-5)
    assert karras_sigmas(1, 0.002, 5.0, 7.0).tolist() == pytest.approx([5.0, 0.0])
    falling = karras_sigmas(18, 0.002, 80.0, 7.0)
    assert (falling.diff() < 0).all()
    assert falling[0].item() == pytest.approx(80.0, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_a_sampler_ends_at_what_a_perfect_denoiser_knows(steps):
    clean = torch.rand(2, 3, 4, 4)
    drawn = Sampler(steps).draw(lambda x, sigma: clean, torch.randn(2, 3, 4, 4))
    assert torch.allclose(drawn, clean, atol=1e-4)


def test_the_published_configuration_has_the_published_size():
    of_game = count_parameters(Denoiser(DenoiserShape(actions=ActionSpace(18), network=PUBLISHED)))
    assert of_game == pytest.approx(4.4e6, rel=0.01)


def test_a_new_denoiser_gives_the_noisy_picture_scaled():
    model = small()
    noisy, sigma = torch.randn(3, 3, 8, 12), torch.tensor([0.01, 0.5, 10.0])
    with torch.no_grad():
        out = model.denoise(noisy, sigma, torch.randn(3, 2, 3, 8, 12), torch.rand(3, 2, 3))
    kept = model.shape.precondition.c_skip(sigma).reshape(-1, 1, 1, 1)
    assert torch.equal(out, kept * noisy)


@pytest.mark.parametrize("kind", ["edm", "ddpm"])
def test_both_kinds_learn_one_picture(kind):
    model = small(kind)
    clean = torch.rand(1, 3, 1, 1).expand(8, 3, 8, 8) * 2 - 1
    past, actions = clean[:, None].expand(8, 2, 3, 8, 8), torch.zeros(8, 2, 3)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    losses = []
    for step in range(30):
        loss = model.loss(clean, past, actions, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    drawn = model.draw(past[:2], actions[:2], Sampler(10), torch.randn(2, 3, 8, 8))
    assert drawn.shape == (2, 3, 8, 8)
    assert drawn.abs().max() <= 1.0


@pytest.mark.parametrize("kind", ["edm", "ddpm"])
def test_a_drawn_picture_depends_on_action_and_past(kind):
    model = small(kind)
    with torch.no_grad():
        for one in model.parameters():
            one.add_(0.1 * torch.randn_like(one))
    past, noise = torch.rand(1, 2, 3, 8, 8), torch.randn(1, 3, 8, 8)
    left, right = torch.tensor([[[5.0, 0.1, 0.5]] * 2]), torch.tensor([[[5.0, -0.1, 0.5]] * 2])
    drawn = model.draw(past, left, Sampler(), noise)
    assert torch.equal(drawn, model.draw(past, left, Sampler(), noise))
    assert not torch.equal(drawn, model.draw(past, right, Sampler(), noise))
    assert not torch.equal(drawn, model.draw(-past, left, Sampler(), noise))


def test_drawn_pictures_have_256_levels():
    picture = torch.linspace(-1.2, 1.2, 999).reshape(1, 1, 27, 37)
    levels = in_levels(picture)
    assert len(levels.unique()) == 256
    assert torch.equal(in_levels(levels), levels)
    assert torch.equal(to_bytes(from_bytes(torch.arange(256, dtype=torch.uint8))), torch.arange(256, dtype=torch.uint8))


@pytest.mark.parametrize("shape", [SMALL, NetworkShape((8, 8, 40), 2, 16), NetworkShape((8, 24), 1, 8, patch=4)])
def test_a_network_gives_pictures_of_the_size_it_was_given(shape):
    net = UNet(5, 2, shape)
    with torch.no_grad():
        net.last.weight.normal_()
        out = net(torch.randn(2, 5, 2 * shape.divides, 3 * shape.divides), torch.randn(2, shape.condition))
    assert out.shape == (2, 2, 2 * shape.divides, 3 * shape.divides)
    assert out.std() > 0
