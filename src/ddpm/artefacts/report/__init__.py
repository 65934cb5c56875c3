"""The report: one page that shows a study's tables and figures, and where they come from."""
