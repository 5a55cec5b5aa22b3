"""Where the matter of a letter is: province to village, from text, address, gazetteer and the office's own setting."""

from triage.place.finder import Place, PlaceFinder
from triage.place.gazetteer import Gazetteer
from triage.place.policy import LEVELS, Forward, PlacePolicy

__all__ = ["LEVELS", "Forward", "Gazetteer", "Place", "PlaceFinder", "PlacePolicy"]
