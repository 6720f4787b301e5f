"""Data sets by name or path: images and what they show, in three splits."""

from archbuilder.data.address import Address, parse_address
from archbuilder.data.images import Batch, Images, ImageSet
from archbuilder.data.normaliser import Normaliser
from archbuilder.data.raw import RawData
from archbuilder.data.sources import SOURCES, check_address, load_data
from archbuilder.data.splits import DataSplits, check_fits

__all__ = [
    "SOURCES",
    "Address",
    "Batch",
    "DataSplits",
    "ImageSet",
    "Images",
    "Normaliser",
    "RawData",
    "check_address",
    "check_fits",
    "load_data",
    "parse_address",
]
