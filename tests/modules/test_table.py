"""The tables that must name every primitive and every merge do."""

from archbuilder.modules.blocks import MERGES as JOINED
from archbuilder.modules.table import ACTIVATIONS, MODULES
from archbuilder.primitives import MERGES, PRIMITIVES, Activation
from archbuilder.spec.blocks import shipped_block, shipped_blocks


def test_every_primitive_has_a_module() -> None:
    assert set(MODULES) == set(PRIMITIVES.values())


def test_every_merge_has_a_function() -> None:
    assert set(JOINED) == set(MERGES)


def test_every_activation_has_a_module() -> None:
    assert set(ACTIVATIONS) == set(Activation.model_fields["function"].annotation.__args__)  # type: ignore[union-attr]


def test_a_word_means_one_thing() -> None:
    assert not set(PRIMITIVES) & set(shipped_blocks())


def test_every_key_is_described() -> None:
    for primitive in PRIMITIVES.values():
        assert all(field.description for field in primitive.model_fields.values()), primitive
    for name in shipped_blocks():
        block = shipped_block(name)
        assert block is not None
        assert all(parameter.description for parameter in block.parameters.values()), name
