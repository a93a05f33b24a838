"""Where a job runs; what it does is in `pipelines.inference.jobs`."""
