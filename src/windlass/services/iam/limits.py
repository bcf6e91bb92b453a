"""IAM's quotas. Source of all: IAM User Guide, "IAM and AWS STS quotas" (defaults), unless noted."""

from __future__ import annotations

ROLES_MAX = 1_000
"""Roles in an account; can be raised to 5,000."""
USERS_MAX = 5_000
POLICIES_MAX = 1_500
"""Customer-managed policies in an account; can be raised to 5,000."""
POLICY_VERSIONS_MAX = 5
POLICY_CHARS_MAX = 6_144
"""Characters of a managed policy without white space."""
TRUST_CHARS_MAX = 2_048
"""Characters of a role's trust policy; can be raised to 4,096."""
INLINE_CHARS_MAX = {"role": 10_240, "user": 2_048}
"""Characters of all inline policies of one role or user together, without white space."""
ATTACHED_MAX = 10
"""Managed policies attached to one role or user; can be raised to 20."""
TAGS_MAX = 50
SERVER_CERTIFICATES_MAX = 20
"""Server certificates in an account; can be raised to 1,000."""
ACCESS_KEYS_MAX = 2
"""Access keys of one user."""
PAGE_ITEMS = 100
"""Items of a page when MaxItems is not given (API reference, ListRoles)."""
SESSION_S_DEFAULT = 3_600
"""A role's MaxSessionDuration when it is not given (API reference, CreateRole)."""
