"""A job on a cluster of a head without cores and one machine, which is lost after the first records: `OUTPUT AGAIN`.

With AGAIN "yes" another machine comes in its place.
"""

import os
import sys
import threading
from pathlib import Path

from captioner.errors import UserError
from pipelines.inference.runners import ray as runner
from pipelines.inference.runners.local import run_job
from tests.pipelines.inference.jobs.test_job import Lengths
from tests.pipelines.inference.runners.test_ray import Slow

if __name__ == "__main__":
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # listens on the loopback interface, see the runner
    from ray.cluster_utils import Cluster

    output, again = Path(sys.argv[1]), sys.argv[2] == "yes"
    assert issubclass(Slow, Lengths)
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    node = machines.add_node(num_cpus=1)
    runner.GRACE = 30.0 if again else 3.0
    lost = threading.Event()

    def lose(record):
        if not lost.is_set():
            lost.set()
            machines.remove_node(node, allow_graceful=False)
            if again:
                machines.add_node(num_cpus=1)

    try:
        print(run_job(Slow(), output, compute=runner.RayCluster(machines.address, 1).compute, on_record=lose))
    except UserError as error:
        sys.exit(str(error))
    finally:
        machines.shutdown()
