"""The 62 electrodes on a grid of 9 x 9 cells, front above and left to the left, as most map networks lay them out.

Rows are the cap's rows; a row with fewer than nine electrodes stands in the middle, so neighbours stay neighbours.
"""

_ROWS = """
.   .   .   FP1 FPZ FP2 .   .   .
.   .   .   AF3 .   AF4 .   .   .
F7  F5  F3  F1  FZ  F2  F4  F6  F8
FT7 FC5 FC3 FC1 FCZ FC2 FC4 FC6 FT8
T7  C5  C3  C1  CZ  C2  C4  C6  T8
TP7 CP5 CP3 CP1 CPZ CP2 CP4 CP6 TP8
P7  P5  P3  P1  PZ  P2  P4  P6  P8
.   PO7 PO5 PO3 POZ PO4 PO6 PO8 .
.   .   CB1 O1  OZ  O2  CB2 .   .
"""

SIDE = 9

CELLS = {
    name: (row, column)
    for row, names in enumerate(_ROWS.strip().splitlines())
    for column, name in enumerate(names.split())
    if name != "."
}
"""Electrode -> (row from the front, column from the left)."""

REGIONS = {
    "frontal": tuple(name for name, (row, _) in CELLS.items() if row <= 2),
    "left": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and column <= 2),
    "central": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and 3 <= column <= 5),
    "right": tuple(name for name, (row, column) in CELLS.items() if 3 <= row <= 5 and column >= 6),
    "posterior": tuple(name for name, (row, _) in CELLS.items() if row >= 6),
}
"""Five coarse regions of the scalp that hold every electrode once: the front three rows, the back three, and between
them left, middle and right."""
