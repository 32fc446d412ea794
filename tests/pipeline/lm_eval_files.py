"""Task files of lm-evaluation-harness over local data: one of every kind that it knows."""

import json
from pathlib import Path
from typing import Any

import yaml

PLACES = ("Brindle", "Corvo", "Dunmere", "Port Estal", "Zürich")
SHIPS = ("Otter", "Heron", "Badger", "Falcon", "Old Tom", "Marigold")
ACC = {"metric": "acc", "aggregation": "mean", "higher_is_better": True}

OPTIONS = [
    {"question": f"Where is the {ship}, no. {n}?", "options": [*PLACES[n % 2 :]][:4], "label": n % 3}
    for n, ship in enumerate(SHIPS * 3)
]
BLANKS = [
    {
        "text": f"The {a} waited for the {b} since _ was late",
        "a": f"the {a}",
        "b": f"the {b}",
        "end": "then.",
        "n": n,
    }
    for n, (a, b) in enumerate(zip(SHIPS * 2, SHIPS[1:] * 2 + SHIPS[:2], strict=True))
]
SUMS = [{"question": f"{n} ships and {n} more?", "answer": f"{n} + {n} = {2 * n}. #### {2 * n}"} for n in range(1, 13)]
WORDS = [{"text": f"The {ship} is at home in {PLACES[n % 5]}"} for n, ship in enumerate(SHIPS * 2)]
TEXTS = [{"text": " ".join(row["text"] + "." for row in WORDS[:n] * n)} for n in range(1, 6)]
PAIRS = [{"one": row["text"], "other": WORDS[n % 4]["text"], "same": int(n % 4 == 0)} for n, row in enumerate(WORDS)]

SPLITS = {"training_split": "train", "validation_split": "validation", "test_split": "test", "fewshot_split": "train"}
TASKS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "options": (
        OPTIONS,
        {
            **SPLITS,
            "output_type": "multiple_choice",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_choice": "options",
            "doc_to_target": "label",
            "metric_list": [ACC, {**ACC, "metric": "acc_norm"}, {**ACC, "metric": "exact_match"}],
        },
    ),
    "letters": (
        OPTIONS,
        {
            **SPLITS,
            "output_type": "multiple_choice",
            "description": "Choose a letter.\n\n",
            "doc_to_text": "{{question}}\nA. {{options[0]}}\nB. {{options[1]}}\nC. {{options[2]}}\nAnswer:",
            "doc_to_choice": ["A", "B", "C"],
            "doc_to_target": "{{'ABC'[label]}}",
            "fewshot_config": {"sampler": "first_n"},
            "metric_list": [ACC],
        },
    ),
    "blanks": (
        BLANKS,
        {
            **SPLITS,
            "output_type": "multiple_choice",
            "doc_to_text": "{{n % 2}}",
            "doc_to_choice": "{{[text.split('_')[0] + a, text.split('_')[0] + b]}}",
            "doc_to_target": "{{text.split('_')[1].strip() + ' ' + end}}",
            "metric_list": [ACC],
        },
    ),
    "sums": (
        SUMS,
        {
            **SPLITS,
            "output_type": "generate_until",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": ["Question:", "\n"], "do_sample": False, "max_gen_toks": 24},
            "filter_list": [
                {
                    "name": "strict-match",
                    "filter": [{"function": "regex", "regex_pattern": "#### (\\d+)"}, {"function": "take_first"}],
                },
                {
                    "name": "flexible-extract",
                    "filter": [
                        {"function": "regex", "group_select": -1, "regex_pattern": "([0-9a-zA-Z]+)"},
                        {"function": "take_first"},
                    ],
                },
            ],
            "metric_list": [
                {**ACC, "metric": "exact_match", "ignore_case": True, "regexes_to_ignore": ["(?s).*#### "]},
            ],
        },
    ),
    "last-word": (
        WORDS,
        {
            **SPLITS,
            "output_type": "loglikelihood",
            "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}}",
            "doc_to_target": "{{' ' + text.split(' ')[-1]}}",
            "target_delimiter": "",
            "metric_list": [{"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False}, ACC],
        },
    ),
    "texts": (
        TEXTS,
        {
            "test_split": "test",
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "text",
            "metric_list": [{"metric": name} for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")],
        },
    ),
    "same": (
        PAIRS,
        {
            **SPLITS,
            "output_type": "multiple_choice",
            "doc_to_text": "{{one}} = {{other}}?",
            "doc_to_choice": ["no", "yes"],
            "doc_to_target": "same",
            "num_fewshot": 0,
            "metric_list": [{"metric": "mcc"}],
        },
    ),
    "f1-only": (
        PAIRS,
        {
            **SPLITS,
            "output_type": "multiple_choice",
            "doc_to_text": "{{one}} = {{other}}?",
            "doc_to_choice": ["no", "yes"],
            "doc_to_target": "same",
            "metric_list": [{"metric": "f1"}],
        },
    ),
    "drawn": (
        SUMS,
        {
            **SPLITS,
            "output_type": "generate_until",
            "doc_to_text": "{{question}}",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {"until": ["\n"], "do_sample": True, "temperature": 0.7},
            "metric_list": [{**ACC, "metric": "exact_match"}],
        },
    ),
}


def write_tasks(folder: Path) -> Path:
    """All tasks, with their data, each document in every split but in another order."""
    for name, (rows, settings) in TASKS.items():
        files = {}
        for place, split in enumerate(("test", "train", "validation")):
            path = folder / "data" / f"{name}-{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            turned = [*rows[3 * place :], *rows[: 3 * place]]
            path.write_text("".join(json.dumps(row) + "\n" for row in turned), encoding="utf-8")
            files[split] = str(path)
        content = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": files, "cache_dir": str(folder / "datasets")},
            "metadata": {"version": 1.0},
            **settings,
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder
