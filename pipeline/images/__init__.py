"""Radiographs: what a file is, its pixels as a reader sees them, and the pixel cache."""

from pipeline.images.description import describe_image
from pipeline.images.image_rules import ImageRules
from pipeline.images.unusable import UnusableImage

__all__ = ["ImageRules", "UnusableImage", "describe_image"]
