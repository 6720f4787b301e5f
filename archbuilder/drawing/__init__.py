"""Drawings of networks as SVG. Nothing is imported here: the command line needs the names of colors alone."""
