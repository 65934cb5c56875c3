import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.data.scaling import to_model, to_pixels

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_all_levels_come_back_in_their_shape():
    images = LEVELS.view(2, 8, 4, 4)
    assert torch.equal(to_pixels(to_model(images)), images)


def test_levels_lie_evenly_in_the_range_of_the_network():
    scaled = to_model(LEVELS)
    assert scaled.dtype == torch.float32
    assert (scaled[0], scaled[-1]) == (-1, 1)
    torch.testing.assert_close(scaled, (LEVELS.double() / 127.5 - 1).float())


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=50))
def test_pixels_are_the_nearest_levels_of_the_clipped_image(values):
    images = torch.tensor(values)
    exact = (images.double().clamp(-1, 1) + 1) * 127.5
    assert ((to_pixels(images).double() - exact).abs() <= 0.5 + 1e-4).all()


@pytest.mark.parametrize(("function", "values"), [(to_model, torch.zeros(3)), (to_pixels, LEVELS)])
def test_images_scaled_already_are_refused(function, values):
    with pytest.raises(TypeError, match="must be"):
        function(values)
