"""What a plan costs: figures that are read off it, without a tensor."""
