"""STS's limits. Source: STS API reference, the operation named."""

from __future__ import annotations

ROLE_SESSION_S_DEFAULT = 3_600
"""AssumeRole, DurationSeconds."""
CHAINED_SESSION_S_MAX = 3_600
"""AssumeRole: a role assumed with a role's credentials."""
TOKEN_SESSION_S_DEFAULT = 43_200
"""GetSessionToken, DurationSeconds."""
ROOT_SESSION_S_MAX = 3_600
"""GetSessionToken called by root: longer ones are cut to it."""
