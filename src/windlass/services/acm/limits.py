"""Certificate Manager's quotas. Source: ACM User Guide, "Quotas" (from memory, not re-read)."""

from __future__ import annotations

CERTIFICATES_MAX = 2_500  # certificates of an account in a Region
TAGS_MAX = 50  # tags of a certificate
PAGE_ITEMS = 1_000  # items of a page when MaxItems is not given; API reference, ListCertificates
