"""The names of exported networks: the one that holds the frozen backbone, and what follows it."""

ENCODING = "encode"  # pixels -> what a search begins with, or the memory that questions are asked about
STEPPING = "step"  # of a captioner: one word
ANSWERING = "answer"  # of a model that answers questions
