import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder.recipe import TrainSettings
from archbuilder.training.mixing import is_mixing, mix

SEEDS = st.integers(0, 2**32 - 1)
ALPHAS = st.floats(0.01, 100)


@settings(max_examples=60)
@given(seed=SEEDS, alpha=ALPHAS, count=st.integers(1, 5))
def test_mixup_adds_both_images_weighted_by_their_shares(seed: int, alpha: float, count: int) -> None:
    images, partners = torch.randn(2, count, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    mixed, share = mix(images, partners, TrainSettings(mixup=alpha))
    assert 0 <= share <= 1
    torch.testing.assert_close(mixed, share * images + (1 - share) * partners)


@settings(max_examples=100)
@given(seed=SEEDS, alpha=ALPHAS, height=st.integers(1, 12), width=st.integers(1, 12))
def test_cutmix_pastes_one_rectangle_whose_area_is_the_partners_share(
    seed: int, alpha: float, height: int, width: int
) -> None:
    images, partners = torch.ones(3, 2, height, width), torch.zeros(3, 2, height, width)
    torch.manual_seed(seed)
    mixed, share = mix(images, partners, TrainSettings(cutmix=alpha))
    pasted = mixed == 0
    assert torch.equal(pasted, pasted[:1, :1].expand_as(pasted))  # the same in all images and channels
    rows, columns = pasted[0, 0].any(dim=1), pasted[0, 0].any(dim=0)
    assert torch.equal(pasted[0, 0], rows[:, None] & columns)
    assert abs(float(pasted.float().mean()) - (1 - share)) < 1e-6
    assert bool((images == 1).all())  # neither is changed
    assert bool((partners == 0).all())


def test_shares_are_those_of_a_beta_distribution() -> None:
    torch.manual_seed(0)
    one = torch.zeros(1, 1, 64, 64)
    for alpha in (0.2, 1.0, 5.0):
        for recipe in (TrainSettings(mixup=alpha), TrainSettings(cutmix=alpha)):
            shares = torch.tensor([mix(one, one + 1, recipe)[1] for _ in range(600)])
            if recipe.mixup:  # a rectangle partly outside leaves more than its share
                assert abs(float(shares.mean()) - 0.5) < 0.08
                assert abs(float(shares.var()) - 1 / (4 * (2 * alpha + 1))) < 0.02
            assert len(set(shares.tolist())) > 100


def test_with_both_each_batch_draws_one_of_them() -> None:
    torch.manual_seed(0)
    ones, zeros = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    found = [mix(ones, zeros, TrainSettings(mixup=1.0, cutmix=1.0))[0] for _ in range(400)]
    blended = sum(bool(((image > 0) & (image < 1)).any()) for image in found)
    assert 150 < blended < 250  # five standard deviations


def test_only_these_two_settings_mix() -> None:
    assert not is_mixing(TrainSettings(flip=True, cutout=2))
    assert is_mixing(TrainSettings(mixup=0.1))
    assert is_mixing(TrainSettings(cutmix=0.1))
