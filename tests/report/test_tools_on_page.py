"""Tools on the page: the tasks, boxes as parts of the picture, and what entered the prompts."""

from __future__ import annotations

from lightemma.report.page.tools import shown_tools
from lightemma.run_folder.tool_records import TaskRecord, ToolsRecord

BOX = ("car", 0.9, -0.5, 99.5, 399.5, 449.5)


def test_boxes_are_parts_of_the_picture_and_those_of_the_earlier_one_are_left_out():
    tasks = [
        TaskRecord(1, "object-detection", "ok", args={"picture": "<resource-picture>"}, boxes=[BOX]),
        TaskRecord(2, "object-detection", "ok", args={"picture": "<resource-earlier-picture>"}, boxes=[BOX]),
        TaskRecord(3, "lead-speed", "skipped", dep=[1, 2], why="no box"),
    ]
    made = shown_tools(ToolsRecord("all", "fixed", tasks, size=(800, 450), told="- A car."))
    assert made["tasks"][0]["boxes"] == [["car", 0.9, 0.0, 0.22222, 0.5, 1.0]]
    assert [one["boxes"] for one in made["tasks"][1:]] == [[], []]
    assert (made["tasks"][2]["dep"], made["tasks"][2]["said"], made["told"]) == ([1, 2], "no box", "- A car.")


def test_without_a_known_size_no_box_is_drawn():
    tasks = [TaskRecord(1, "object-detection", "ok", boxes=[BOX])]
    for record in (ToolsRecord("all", "fixed", tasks), ToolsRecord("all", "fixed", tasks, size=(0, 0))):
        assert shown_tools(record)["tasks"][0]["boxes"] == []
