"""Data sets by name or path: images and labels, in three splits."""

from archbuilder.data.address import Address, parse_address
from archbuilder.data.format import Format
from archbuilder.data.images import Batch, Images, ImageSet
from archbuilder.data.normalizer import Normalizer
from archbuilder.data.partition import SplitBy, image_differences, partition
from archbuilder.data.raw import RawData
from archbuilder.data.sources import SOURCES, check_address, find_data, load_data, load_raw
from archbuilder.data.splits import DataSplits, check_fits, check_shape

__all__ = [
    "SOURCES",
    "Address",
    "Batch",
    "DataSplits",
    "Format",
    "ImageSet",
    "Images",
    "Normalizer",
    "RawData",
    "SplitBy",
    "check_address",
    "check_fits",
    "check_shape",
    "find_data",
    "image_differences",
    "load_data",
    "load_raw",
    "parse_address",
    "partition",
]
