"""The keys of members, layers and heads that do not depend on a type, with their descriptions."""

MEMBER_KEYS = {
    "name": "The member's name: part of its state-dict keys, and what taps and `from` refer to; an integer, too. With "
    "a repeat, `layer{}` numbers copies from 0, `layer{1}` from 1, without a scope.",
    "when": "A condition, such as $norm == batch; without it the member always exists.",
    "from": "Earlier named members of this list; their outputs are concatenated. `input` is the input of the list.",
    "repeat": "How many times the member is repeated, one after the other.",
    "splice": "Whether the members of a sequence or block stand in the surrounding list themselves, without a scope.",
    "first": "What differs in the first repetition: {stride: 2} is overrides: {0: {stride: 2}}.",
    "overrides": "What differs in some repetitions: {0: {stride: 2}, -1: {activation: none}}; of members inside, by "
    "name: {0: {conv1: {stride: 2}}}.",
    "lint": "Lint rules that are suppressed here, each with a reason: {AB104: why}.",
}
"""The keys of every member of a list, with their descriptions."""

SPLIT = "Parts of the input channels, one for each branch: their number, or a list of sizes."
"""What the key `split` of a fork means."""

GIVEN_NAMES = ("classes", "in", "in_channels", "index")
"""The `$` names that are known everywhere, without a parameter or a variable."""

LAYER_KEYS = MEMBER_KEYS | {
    "type": "A primitive or a block.",
    "in": "Input channels; optional, and checked against the actual input.",
    "init": "Weight initialization of this layer: a name, or {type: truncated_normal, std: 0.1}.",
}
"""The keys of layers of every type, with their descriptions."""

NOT_PARAMETERS = tuple(dict.fromkeys([*LAYER_KEYS, *GIVEN_NAMES]))
"""What a parameter of a block cannot be called."""

HEAD_KEYS = {
    "after": "The named place that the head attaches to: a layer, or a place inside one, such as mixed.branch2.",
    "loss_weight": "Factor of the head's loss, which is added to the loss of the logits.",
    "layers": "The head's own layers, instead of a type; the last one outputs the classes.",
    "listed": "The position of its keys in the state dict: before_classifier, or at_tap.",
}
"""The further keys of auxiliary heads."""
