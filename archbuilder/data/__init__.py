"""Data sets by name or path: images and what they show, in three splits."""

from archbuilder.data.address import Address, parse_address
from archbuilder.data.cutting import SplitBy, cut
from archbuilder.data.images import Batch, Images, ImageSet
from archbuilder.data.normaliser import Normaliser
from archbuilder.data.raw import RawData
from archbuilder.data.sources import SOURCES, check_address, find_data, load_data, load_raw
from archbuilder.data.splits import DataSplits, check_fits, check_shape

__all__ = [
    "SOURCES",
    "Address",
    "Batch",
    "DataSplits",
    "ImageSet",
    "Images",
    "Normaliser",
    "RawData",
    "SplitBy",
    "check_address",
    "check_fits",
    "check_shape",
    "cut",
    "find_data",
    "load_data",
    "load_raw",
    "parse_address",
]
