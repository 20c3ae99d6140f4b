"""The commands of `radsim`, a file for each group."""
