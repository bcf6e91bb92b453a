"""Limits of Secrets Manager, with sources. Facts: docs/aws/secretsmanager.md."""

from __future__ import annotations

from windlass.kernel.clock import DAY, Duration

RECOVERY_DAYS = (7, 30)
"""RecoveryWindowInDays: least and most; without one the most (API reference, DeleteSecret)."""
RECOVERY_WINDOW: Duration = 30 * DAY
STAGES_MAX = 20
"""Staging labels on all versions of a secret; User Guide, quotas."""
VERSIONS_MAX = 100
"""Versions that are kept; those without a label go first (User Guide, quotas)."""
TAGS_MAX = 50
PAGE = 100
BATCH_PAGE = 20
PASSWORD_LENGTH = 32
"""GetRandomPassword, PasswordLength: the default."""
ARN_SUFFIX = 6
"""Characters that AWS adds to the name in an ARN, so that a name may be used again."""
