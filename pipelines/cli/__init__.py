"""The commands, a file each: what the command line gives, checked, to the code that does the work.

Nothing heavy is imported until a command runs. A new command is one file here and one line in `pipelines.cli.app`.
"""
