"""METEOR 1.5 for English, without Java.

`metric` is what reports know and the formula; below it `alignment` (which words match which), `matching` (which could),
`normalization` (what the words are) and `resources` (the tables that the metric comes with).
"""
