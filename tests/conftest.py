"""What all tests share: how long properties are searched, and a quiet TensorFlow."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# `make test` takes the first, the same examples each time; `make test-all` the second, others each time.
settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("quick")


@pytest.fixture(scope="module")
def eager_training():
    """Trains without compiling and without drawing curves, in the modules that use it."""
    from tests.support_training import running_eagerly, without_curves

    with running_eagerly(), pytest.MonkeyPatch.context() as patch:
        without_curves(patch)
        yield


@pytest.fixture(scope="module")
def eager():
    """Runs without compiling, in the modules that use it."""
    from tests.support_training import running_eagerly

    with running_eagerly():
        yield


@pytest.fixture(scope="session", autouse=True)
def small_meteor(tmp_path_factory):
    """METEOR with small tables: the same numbers wherever the tests run, and no ten seconds for the table."""
    from tests.support_meteor import write_meteor

    paths = write_meteor(tmp_path_factory.mktemp("meteor"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("captioner.metrics.meteor.metric.find_resources", lambda: paths)
        yield
