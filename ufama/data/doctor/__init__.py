"""What is in a folder of recordings, what is missing or damaged, what it means and what to do."""

from ufama.data.doctor.diagnosis import examine
from ufama.data.doctor.examination import Examination, Finding

__all__ = ["Examination", "Finding", "examine"]
