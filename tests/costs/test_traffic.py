"""Bytes moved by small networks, worked out by hand."""

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.costs.traffic import OpTraffic, traffic
from archbuilder.plan.plan import Plan


def small() -> Plan:
    values = {
        "name": "small",
        "input": {"channels": 2, "height": 4, "width": 4},
        "classes": 3,
        "layers": [
            {"name": "a", "type": "convolution", "out": 5, "kernel": 1},
            {"name": "norm", "type": "batch_norm"},
            {"name": "join", "add": [[], [{"name": "relu", "type": "activation"}]]},
            {"name": "pool", "type": "global_avg_pool"},
            {"name": "flat", "type": "flatten"},
            {"name": "fc", "type": "linear", "out": 3},
        ],
    }
    return NetworkSpec.from_dict(values).plan()


def test_each_op_moves_inputs_stored_numbers_and_output_once() -> None:
    moved = traffic(small(), bytes_per_value=1)
    by_name = {op.name: op for op in moved.ops}
    assert moved.ops[0] == OpTraffic("a", read=32 + 15, written=80, flops=2 * 160)
    assert (by_name["norm"].read, by_name["norm"].written) == (80 + 20, 80)  # running mean and variance too
    merge = moved.ops[3]
    assert (merge.read, merge.written) == (160, 80)
    assert by_name["flat"].bytes == 0
    assert by_name["flat"].intensity == 0
    assert (by_name["fc"].read, by_name["fc"].written) == (5 + 18, 3)
    assert moved.bytes == sum(op.bytes for op in moved.ops)


def test_stored_numbers_are_read_once_for_a_batch() -> None:
    first = traffic(small(), batch=10, bytes_per_value=4).ops[0]
    assert first.read == 4 * (320 + 15)
    assert first.written == 4 * 800
    assert first.flops == 3200


def test_a_larger_batch_does_more_with_each_byte() -> None:
    plan = archbuilder.load("googlenet").plan()
    one, many = traffic(plan), traffic(plan, batch=32)
    assert one.flops == plan.flops
    assert many.flops == 32 * plan.flops
    assert one.intensity == one.flops / (one.read + one.written)
    assert many.intensity > one.intensity
