"""Amazon SQS limits, with unit and source. DG is the SQS Developer Guide, API the API reference.

Bounds of queue attributes stand in attributes.py, beside their defaults.
"""

from __future__ import annotations

from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration

BATCH_ENTRIES_MAX = 10  # entries; API SendMessageBatch
BATCH_ID_MAX = 80  # characters; API SendMessageBatchRequestEntry
BATCH_BYTES_MAX = 1_048_576  # bytes over all entries; API SendMessageBatch (1 MiB since 2025-08)
RECEIVE_MESSAGES_MAX = 10  # messages; API ReceiveMessage, MaxNumberOfMessages
LONG_POLL_WAIT_S_MAX = 20  # seconds; API ReceiveMessage, WaitTimeSeconds
VISIBILITY_S_MAX = 43_200  # seconds since the receive; API ChangeMessageVisibility
DELAY_S_MAX = 900  # seconds; API SendMessage, DelaySeconds
IN_FLIGHT_MAX = 120_000  # messages per queue, standard and FIFO; API ChangeMessageVisibility
MESSAGE_ATTRIBUTES_MAX = 10  # per message; DG sqs-message-metadata
ATTRIBUTE_NAME_MAX = 256  # characters; DG sqs-message-metadata
ATTRIBUTE_TYPE_MAX = 256  # characters with the custom label; DG sqs-message-metadata
TOKEN_ID_MAX = 128  # characters of group, deduplication and attempt ids; API SendMessage
QUEUE_NAME_MAX = 80  # characters, `.fifo` included; API CreateQueue
LIST_QUEUES_MAX = 1_000  # queues per page; API ListQueues
TAGS_MAX = 50  # per queue; DG sqs-queue-tags (shared AWS rule)
TAG_KEY_MAX = 128  # characters
TAG_VALUE_MAX = 256  # characters
RECEIVES_MAX = 1_000  # maxReceiveCount; DG sqs-dead-letter-queues
REDRIVE_SOURCES_MAX = 10  # sourceQueueArns of a RedriveAllowPolicy; API SetQueueAttributes
POLICY_BYTES_MAX = 8_192  # bytes; DG quotas-policies
POLICY_STATEMENTS_MAX = 20  # DG quotas-policies
PERMISSION_ACTIONS_MAX = 7  # actions per statement; DG quotas-policies
PERMISSION_LABEL_MAX = 80  # characters; API AddPermission
MOVE_RATE_MAX = 500  # messages per second; API StartMessageMoveTask
MOVE_TASKS_ACTIVE_MAX = 100  # per account; DG sqs-configure-dead-letter-queue-redrive
MOVE_TASKS_LISTED_MAX = 10  # API ListMessageMoveTasks; older finished tasks are forgotten here
MOVE_TASK_TIME_MAX: Duration = 36 * HOUR  # DG sqs-configure-dead-letter-queue-redrive

DEDUP_WINDOW: Duration = 5 * MINUTE  # API SendMessage, MessageDeduplicationId
ATTEMPT_WINDOW: Duration = 5 * MINUTE  # API ReceiveMessage, ReceiveRequestAttemptId
PURGE_PAUSE: Duration = 60 * SECOND  # API PurgeQueue

QUOTA_IN_FLIGHT = "sqs.in_flight_messages"
"""Profile quota: messages of one queue in flight at once. Absent: IN_FLIGHT_MAX."""
QUOTA_DELETED_RECENTLY = "sqs.queue_deleted_recently_s"
"""Profile quota: seconds a deleted queue's name is refused (API DeleteQueue: 60). Absent or 0: at once."""
