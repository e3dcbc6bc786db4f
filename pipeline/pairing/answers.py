"""The texts of a pair: what the user asked and what the assistant answered.

DPO compares log-probabilities of the answers under the model that is trained. They mean something where the
answer is what the model wrote, so a candidate drawn in chat keeps its raw completion: prose, fences and all.
A continuation of code (or a sample from a file, of which nobody knows how it was asked) is no chat answer:
its code goes into a fenced block, under the problem's own prompt. An answer without code keeps its raw text
either way, since there is nothing else to show.
"""

from schemas.candidate import Candidate, Extraction, Program
from schemas.pair import Message
from schemas.problem import Problem


def is_verbatim(candidate: Candidate) -> bool:
    """Return whether the candidate's answer is its raw completion: drawn in chat by a model of this run."""
    return candidate.template == "chat" and candidate.backend != "files"


def asked_of(candidate: Candidate, problem: Problem) -> str:
    """Return the user message that the candidate's answer follows."""
    if candidate.template == "chat" and candidate.prompt.strip():
        return candidate.prompt
    return problem.prompt


def answer_of(candidate: Candidate, program: Program) -> str:
    """Return the text of the assistant's answer, white space at its end left out; empty for no answer."""
    if is_verbatim(candidate) or program.extraction is Extraction.NO_CODE:
        return candidate.completion.rstrip()
    code = program.code.rstrip()
    return f"```python\n{code}\n```" if code.strip() else ""


def as_prompt(text: str) -> tuple[Message, ...]:
    """Return a user message as TRL's conversational prompt."""
    return (Message("user", text),)


def as_answer(text: str) -> tuple[Message, ...]:
    """Return an assistant message as TRL's conversational answer."""
    return (Message("assistant", text),)
