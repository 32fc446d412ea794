"""A comparison as one would write it with transformers, peft, sentence-transformers and FAISS, with their defaults.

The same prompts (token ids), examples, recipes and variants as a plan of the harness has; nothing is kept between
variants but what is trained. Trains with `Trainer` (dynamic padding), answers with `generate` in padded batches.
"""

import copy
import tempfile
from collections.abc import Sequence
from typing import Any

import faiss
import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM, DataCollatorForSeq2Seq, Trainer, TrainingArguments

from harness.pipeline.examples import Lessons
from harness.pipeline.plan import Plan
from harness.pipeline.prompts import Prompts
from harness.retrieval import locate_embedder
from harness.variants import Weights
from harness.weights import Recipe

Ids = Sequence[int]


class PlainGrid:
    """Answers the variants of a plan one after the other, in batches of `batch_size` prompts."""

    def __init__(self, plan: Plan, prompts: Prompts, lessons: Lessons, batch_size: int) -> None:
        self._plan, self._prompts, self._lessons, self.batch_size = plan, prompts, lessons, batch_size
        self._tokenizer = copy.deepcopy(prompts.tokenizer)
        self._tokenizer.padding_side = "left"
        self._tokenizer.pad_token = self._tokenizer.pad_token or self._tokenizer.eos_token
        self._trained: dict[str, Any] = {}

    def run(self) -> dict[str, list[str]]:
        """The texts of all variants, by `variant/task`."""
        self._retrieve()
        answers = {}
        for variant in self._plan.variants:
            model = self._model(variant.weights)
            for task in self._plan.tasks:
                asked = self._prompts.asked(task, variant.context, 0)
                ids = [prompt.ids for prompt in asked.prompts]
                decoding = task.suite.decoding
                answers[f"{variant}/{task.name}"] = self.answer(model, ids, decoding.max_new_tokens, decoding.stop)
        return answers

    def answer(self, model: Any, prompts: Sequence[Ids], new_tokens: int, stop: Sequence[str]) -> list[str]:
        """Greedy answers by `generate`, up to the first text of `stop`."""
        stopping = {"stop_strings": list(stop), "tokenizer": self._tokenizer} if stop else {}
        texts: list[str] = []
        for begin in range(0, len(prompts), self.batch_size):
            batch = self._tokenizer.pad(
                {"input_ids": [list(ids) for ids in prompts[begin : begin + self.batch_size]]}, return_tensors="pt"
            )
            whole = model.generate(
                **batch,
                **stopping,
                do_sample=False,
                max_new_tokens=new_tokens,
                pad_token_id=self._tokenizer.pad_token_id,
            )
            written = whole[:, batch["input_ids"].shape[1] :]
            for text in self._tokenizer.batch_decode(written, skip_special_tokens=True):
                texts.append(text[: min((text.find(mark) for mark in stop if mark in text), default=None)])
        return texts

    def base(self) -> Any:
        """The base, loaded anew."""
        return AutoModelForCausalLM.from_pretrained(self._plan.base.path, dtype=torch.float32).eval()

    def _model(self, weights: Weights) -> Any:
        if not weights.trained:
            return self.base()
        trained = self._train(self._plan.recipes[weights.recipe])
        alpha = 1.0 if weights.alpha is None else float(weights.alpha)
        if weights.recipe == "lora":
            model = get_peft_model(self.base(), trained[0])
            state = {name: tensor * alpha if "lora_B" in name else tensor for name, tensor in trained[1].items()}
            model.load_state_dict(state, strict=False)
            return model.merge_and_unload().eval()
        model = self.base()
        model.load_state_dict({n: torch.lerp(w, trained[1][n], alpha) for n, w in model.state_dict().items()})
        return model

    def _train(self, recipe: Recipe) -> tuple[LoraConfig | None, dict[str, torch.Tensor]]:
        if recipe.name not in self._trained:
            model, config = self.base(), None
            if recipe.method == "lora":
                settings = recipe.settings
                config = LoraConfig(
                    r=settings.get("rank", 16),
                    lora_alpha=settings.get("alpha", 32),
                    target_modules=settings.get("target_modules", "all-linear"),
                    task_type="CAUSAL_LM",
                )
                model = get_peft_model(model, config)
            self._fit(model, recipe)
            self._trained[recipe.name] = (config, {n: t.detach().clone() for n, t in model.state_dict().items()})
        return self._trained[recipe.name]

    def _fit(self, model: Any, recipe: Recipe) -> None:
        training = recipe.training
        rows = [
            {
                "input_ids": [*example.prompt, *example.completion],
                "attention_mask": [1] * (len(example.prompt) + len(example.completion)),
                "labels": [*[-100] * len(example.prompt), *example.completion],
            }
            for example in (lesson.example for lesson in self._lessons.of(recipe, 0))
        ]
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=training.batch_size,
                num_train_epochs=training.epochs,
                learning_rate=training.learning_rate,
                lr_scheduler_type=training.schedule,
                warmup_steps=training.warmup,
                weight_decay=training.weight_decay,
                max_grad_norm=training.gradient_norm,
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
                logging_strategy="no",
            )
            collator = DataCollatorForSeq2Seq(self._tokenizer, label_pad_token_id=-100)
            Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collator).train()
        model.eval()

    def _retrieve(self) -> None:
        """Embeds corpus and questions of every task and searches; the prompts are built already."""
        passages = max(context.passages for context in self._plan.contexts)
        if not passages:
            return
        model = SentenceTransformer(str(locate_embedder(self._plan.config.embedder)), device="cpu")
        revisions: dict[Any, Any] = {}
        for task in self._plan.tasks:
            as_of = task.split.as_of
            if as_of not in revisions:
                vectors = model.encode_document([f"{d.title} {d.text}" for d in task.suite.corpus(as_of)])
                revisions[as_of] = faiss.IndexFlatIP(vectors.shape[1])
                revisions[as_of].add(vectors)
            questions = model.encode_query([case.question for case in task.split.cases])
            revisions[as_of].search(questions, passages)
