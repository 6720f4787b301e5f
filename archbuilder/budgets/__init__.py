"""What a network may cost: amounts of quantities, limits, and one spec scaled onto them. No study is needed."""
