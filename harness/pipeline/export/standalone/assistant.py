"""Asks the exported model as it was asked when it was compared; settings.json says how.

Needs transformers, peft where there is an adapter, and harness only where README.md says so.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


TEMPLATES = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_plain
)


def load_model(settings: dict[str, Any]) -> Any:
    """The model in evaluation mode, with its adapter if it has one."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        HERE / "model", dtype=getattr(torch, settings["dtype"]), local_files_only=True
    )
    adapter = settings["adapter"]
    if adapter:
        if adapter["needs_harness"]:
            _import_harness()
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, HERE / "adapter")
        for module in model.modules():  # what its layers add, times alpha
            if adapter["alpha"] != 1 and isinstance(getattr(module, "scaling", None), dict):
                module.scaling.update({name: scale * adapter["alpha"] for name, scale in module.scaling.items()})
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


class Assistant:
    """Asks the model in the wording, and with the passages and worked examples, that it was compared with."""

    def __init__(self) -> None:
        """Loads the model, the tokenizer and, if passages are shown, what finds them."""
        self.settings = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
        self.wording, self.decoding = self.settings["prompt"], self.settings["decoding"]
        self.tokenizer: Any = AutoTokenizer.from_pretrained(HERE / "model", local_files_only=True)
        self.chats = bool(getattr(self.tokenizer, "chat_template", None))
        self.model = load_model(self.settings)
        self.finder = None
        if self.settings["retrieval"]:
            from find import Finder  # type: ignore[import-not-found] # lies beside this file in an export

            self.finder = Finder(HERE / "retrieval", self.settings["retrieval"])

    def prompt(self, question: str, room: int) -> tuple[str, list[int], list[str]]:
        """The prompt, its token ids and the ids of its passages: as many as leave `room` tokens for the answer."""
        found = self.finder.find(question) if self.finder else []
        blocks = [self._render("passage", text=one["text"], title=one["title"]) for one in found]
        turns = [(self._render("question", question=asked), answer) for asked, answer in self.wording["shots"]]
        last = self._render("question", question=question)
        if self.chats:
            self._refuse_control("".join(blocks) + f"\n{last}")
        for count in range(len(blocks), -1, -1):
            shown = "".join(blocks[:count]) + "\n" if count else ""
            text = (self._chat if self.chats else self._text)(turns, shown + last)
            ids = self._encode(text)
            if self.settings["window"] is None or len(ids) + room <= self.settings["window"]:
                return text, ids, [one["id"] for one in found[:count]]
        raise SystemExit("The question is too long for the model's window.")

    def write(self, question: str) -> dict[str, Any]:
        """The model's own words, greedily, up to an end token, a stop text or the most tokens."""
        _, ids, passages = self.prompt(question, self.decoding["max_new_tokens"])
        ends = self.model.generation_config.eos_token_id
        ends = {*(ends if isinstance(ends, list) else [ends]), self.tokenizer.eos_token_id}
        # with peft's soft prompts, a cache would lose or repeat them
        keeps = not getattr(getattr(self.model, "active_peft_config", None), "is_prompt_learning", False)
        text, written, cache, new = "", list[int](), None, ids
        for _ in range(self.decoding["max_new_tokens"]):
            row = torch.tensor([new], device=self.model.device)
            with torch.inference_mode():
                out = self.model(
                    input_ids=row, use_cache=keeps, **({} if cache is None else {"past_key_values": cache})
                )
            token = int(out.logits[0, -1].argmax())
            if token in ends:
                break
            written.append(token)
            text = self.tokenizer.decode(written, skip_special_tokens=True)
            stops = [text.find(stop) for stop in self.decoding["stop"] if stop in text]
            if stops:
                text = text[: min(stops)]
                break
            cache = getattr(out, "past_key_values", None) if keeps else None
            new = [*new, token] if cache is None else [token]
        return {"prompt": _hash(ids), "passages": passages, "text": text}

    def choose(self, question: str, choices: list[str]) -> dict[str, Any]:
        """The log-likelihood of each choice as the answer, in nats, and the choice that is likeliest by it."""
        encoded = self.tokenizer([f" {choice}" for choice in choices], add_special_tokens=False)["input_ids"]
        return self.scores(question, choices, max(map(len, encoded)))

    def scores(self, question: str, choices: list[str], room: int) -> dict[str, Any]:
        """The same, after a prompt that leaves `room` tokens for the answer."""
        text, ids, passages = self.prompt(question, room)
        answers = [self._answer(text, ids, choice) for choice in choices]
        sums = [self._loglikelihood(ids, answer) for answer in answers]
        sizes = {"bytes": [len(choice.encode()) for choice in choices], "tokens": [len(answer) for answer in answers]}
        rates = [one / size for one, size in zip(sums, sizes.get(self.settings["per"], [1] * len(sums)), strict=True)]
        likeliest = choices[rates.index(max(rates))]
        return {"prompt": _hash(ids), "passages": passages, "loglikelihoods": sums, "text": likeliest}

    def _loglikelihood(self, prompt: list[int], answer: list[int]) -> float:
        row = torch.tensor([[*prompt, *answer]], device=self.model.device)
        more: dict[str, Any] = {}
        if getattr(self.model, "takes_prompt_mask", False):
            more["prompt_mask"] = torch.arange(row.shape[1], device=row.device)[None] < len(prompt)
        with torch.inference_mode():
            logits = self.model(input_ids=row, attention_mask=torch.ones_like(row), **more).logits[0].float()
        each = logits[-len(answer) - 1 : -1].log_softmax(-1)
        return float(each.gather(-1, row[0, -len(answer) :, None]).double().sum())

    def _render(self, template: str, **values: str) -> str:
        return TEMPLATES.from_string(self.wording[template]).render(values)

    def _text(self, turns: list[tuple[str, str]], last: str) -> str:
        opening = f"{self.wording['instruction']}\n\n" if self.wording["instruction"] else ""
        return opening + "".join(f"{asked}{_spaced(asked, answer)}\n\n" for asked, answer in turns) + last

    def _chat(self, turns: list[tuple[str, str]], last: str) -> str:
        said = [text for turn in turns for text in turn] + [last]
        said[0] = f"{self.wording['instruction']}\n\n{said[0]}" if self.wording["instruction"] else said[0]
        messages = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(said)]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _encode(self, text: str) -> list[int]:
        plain = not self.chats  # a chat template writes its own special tokens, and nobody else may
        return list(self.tokenizer(text, add_special_tokens=plain, split_special_tokens=plain)["input_ids"])

    def _answer(self, prompt: str, ids: list[int], answer: str) -> list[int]:
        """The token ids of `answer` as it follows the prompt, whose own ids stay as they are."""
        joined = answer if self.chats else _spaced(prompt, answer)
        whole = self._encode(prompt + joined)
        if whole[: len(ids)] == ids:
            return whole[len(ids) :]
        return list(self.tokenizer(joined, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _refuse_control(self, text: str) -> None:
        for token in self.tokenizer.added_tokens_decoder.values():
            if token.special and str(token) in text:
                raise SystemExit(f"The question or a passage holds {str(token)!r}, which could forge a turn.")


def _import_harness() -> None:
    """Makes the methods that harness adds to peft known to it."""
    try:
        import harness  # noqa: F401
    except ImportError:
        raise SystemExit("This adapter is of a kind that peft knows only from harness. Install harness too.") from None


def _spaced(before: str, answer: str) -> str:
    return answer if before.endswith((" ", "\n")) else f" {answer}"


def _hash(ids: list[int]) -> str:
    return hashlib.sha256(json.dumps(ids, separators=(",", ":")).encode()).hexdigest()[:16]
