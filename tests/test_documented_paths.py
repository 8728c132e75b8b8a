"""What the pages of 0.1 showed how to import is still there."""

from importlib import import_module

import pytest

PATHS = [
    "lightemma:load_run",
    "lightemma:compare",
    "lightemma.api:load_run",
    "lightemma.backends.base:Backend",
    "lightemma.backends.base:BatchBackend",
    "lightemma.backends.base:CallError",
    "lightemma.backends.base:Completion",
    "lightemma.backends.base:PicturePart",
    "lightemma.backends.base:Request",
    "lightemma.records:Usage",
    "lightemma.planners.base:Plan",
    "lightemma.planners.base:Planner",
    "lightemma.simulation.scenarios:CONDITIONS",
    "lightemma.simulation.scenarios:SCENARIOS",
    "lightemma.simulation.scenarios:make_world",
    "lightemma.simulation.expert:Expert",
    "lightemma.simulation.explain:explain",
    "lightemma.simulation.render:encode_jpeg",
    "lightemma.simulation.render:front_camera",
    "lightemma.simulation.render:make_renderer",
    "lightemma.report.figures:difference_figure",
    "lightemma.report.figures:save_figure",
    "lightemma.report.figures:write_figures",
    "lightemma.data.annotations:AnnotationIndex",
    "lightemma.data.drivable:DrivableMaps",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_documented_path_still_leads_to_its_thing(path):
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name)
    assert found if name.isupper() else found.__name__ == name


def test_usage_of_the_old_path_is_the_one_that_is_recorded():
    from lightemma.backends.base import Completion
    from lightemma.records import Usage

    assert Completion("yes", usage=Usage(input=3, output=1)).usage == import_module(
        "lightemma.run_folder.records"
    ).Usage(input=3, output=1)
