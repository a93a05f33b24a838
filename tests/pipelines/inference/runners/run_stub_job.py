"""A captioning job with a network that is none, on a local Ray: `FOLDER OUTPUT SECONDS WORKERS`."""

import sys
from pathlib import Path

from captioner.errors import UserError
from pipelines.inference.jobs.captioning import CaptionJob, CaptionOptions
from pipelines.inference.runners.local import run_job
from pipelines.inference.runners.ray import RayCluster
from tests.pipelines.inference.stub_captioner import StubCaptioner

if __name__ == "__main__":
    folder, output, seconds, workers = sys.argv[1:5]
    job = CaptionJob([folder], StubCaptioner(float(seconds)), CaptionOptions(batch_size=4))
    cluster = RayCluster(None, int(workers), on_workers=lambda alive: print(f"{alive} workers", flush=True))
    try:
        print(run_job(job, Path(output), compute=cluster.compute))
    except UserError as error:
        sys.exit(str(error))
