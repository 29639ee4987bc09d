"""What is in a folder of recordings, what is missing or damaged, what it means and what to do."""

from ufama.data.releases.doctor.diagnosis import examine
from ufama.data.releases.doctor.examination import Examination
from ufama.data.releases.findings import Finding

__all__ = ["Examination", "Finding", "examine"]
