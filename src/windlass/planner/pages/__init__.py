"""Results as HTML: report.py puts charts and tables on a page that needs no network."""
