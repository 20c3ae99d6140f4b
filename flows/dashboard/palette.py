"""The colours of states and assertions, which colour-blind people can tell apart.

They are of Okabe and Ito (Color Universal Design, 2008), and read on light and dark grounds; no
colour is the only sign of what it means.
"""

STATES = {
    "positive": "#D55E00",
    "uncertain": "#E69F00",
    "negative": "#0072B2",
    "not mentioned": "#999999",
}

ASSERTIONS = {
    "present": "#D55E00",
    "absent": "#0072B2",
    "uncertain": "#E69F00",
    "historical": "#CC79A7",
    "hypothetical": "#56B4E9",
    "resolved": "#009E73",
}

ACCENT = "#0072B2"
FLAG = "#D55E00"
GREY = "#999999"

# For models and other series without an order.
SERIES = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999"]
