"""The chat template: the start's own, one that is given, or a plain one for a base model."""

from pathlib import Path
from typing import Any

from pairsmith.pipeline.training.checks import TrainingError

# Plain words, since a base model has no tokens of its own for turns. An answer ends with the end-of-text token, so
# that a trained model stops; the line break behind `Answer:` keeps tokens from merging over the prompt's end.
BASE_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ 'Answer:\\n' + message['content'] + eos_token + '\\n' }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] + '\\n\\n' }}"
    "{% else %}{{ 'Task:\\n' + message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:\\n' }}{% endif %}"
)


def give_template(tokenizer: Any, template: Path | None) -> bool:
    """Give a tokenizer the template of a file, or the plain one if it has none; return whether it got one.

    Raises:
        TrainingError: no such file; one that does not render a question and its answer, or not the answer's text.
    """
    if template is not None:
        try:
            tokenizer.chat_template = template.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(f"{template}: the chat template can't be read: {error}") from None
    elif tokenizer.chat_template:
        return False
    else:
        tokenizer.chat_template = BASE_TEMPLATE
    _try(tokenizer, template)
    return True


def _try(tokenizer: Any, template: Path | None) -> None:
    messages = [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "two"}]
    try:
        asked = tokenizer.apply_chat_template(messages[:1], tokenize=False, add_generation_prompt=True)
        answered = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception as error:  # jinja2's errors have no base that a user's template can't leave
        raise TrainingError(f"{template}: not a chat template: {error}") from None
    if "two" not in answered or not answered.startswith(asked):
        raise TrainingError(f"{template}: a prompt must be the beginning of the prompt with its answer")
