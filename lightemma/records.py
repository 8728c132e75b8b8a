"""The path under which 0.1 had the records, kept for code that imports it. New code imports ``run_folder.records``."""

from lightemma.run_folder.records import CallRecord, FrameRecord, Usage

__all__ = ["CallRecord", "FrameRecord", "Usage"]
