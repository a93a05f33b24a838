"""What all trainings share.

experiment.py     the order of a training; a task says in a subclass of `Experiment` what is its own
loop.py           epochs, evaluation, the best model
checkpoint.py     everything a run needs to go on as if it had never been stopped
resume_guard.py   the same data and networks as when the run began
run_folder.py     what a run's folder holds besides
history.py        the table of epochs and its curves
development_loss.py   the loss on the development split, for that table
"""
