"""The HTML report: one page that people open first, with every frame and every answer behind it."""

from lightemma.report.page.files import ReportFiles, write_report

__all__ = ["ReportFiles", "write_report"]
