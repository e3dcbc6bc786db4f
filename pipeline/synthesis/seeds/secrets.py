"""Keys and passwords in code, found by detect-secrets' own detectors."""

import functools
from typing import Any

# Those that know a key by its form. Detectors of mere entropy call every long constant a secret.
_BY_FORM = (
    "AWSKeyDetector", "ArtifactoryDetector", "AzureStorageKeyDetector", "BasicAuthDetector",
    "CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "IbmCloudIamDetector", "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector",
    "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip


def has_secret(code: str) -> bool:
    """Return whether a line of code looks like a key, a token, a private key or a password.

    Placeholders count too: a seed more or less does not matter, a leaked key does.
    """
    return any(
        any(True for _ in detector.analyze_string(line)) for line in code.splitlines() for detector in detectors()
    )


@functools.cache
def detectors() -> tuple[Any, ...]:
    """Return detect-secrets' detectors of forms."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: Any = get_mapping_from_secret_type_to_class().values()
    return tuple(one() for one in sorted(classes, key=lambda one: one.__name__) if one.__name__ in _BY_FORM)
