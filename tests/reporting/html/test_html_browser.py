"""The page in a real browser: it opens from disk, filters, shows cases, and runs nothing that a run holds."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from harness.comparison import CaseRow, PassageRow, PromptRow
from harness.reporting.html import write_html

HOSTILE = (
    "<script>window.broken = 1</script>",
    "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>",
    "[x](javascript:window.broken=1) javascript:window.broken=1",
    "مرحبا بالعالم \u202egnirts desrever\u202c and \u2066isolated\u2069",
    "NUL \0, escape \x1b[31m, zero\u200bwidth",
    "{{ 7 * 7 }} {% raw %} ${7*7} &lt;b&gt; <!-- ",
)


class Opened:
    """A page with what went wrong on it."""

    def __init__(self, browser, path, fragment="", *, scheme="light", width=1320):
        self.wrong, self.asked = [], []
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri() + fragment)
        self.page.wait_for_selector("#browser:not([hidden])")

    def status(self):
        return self.page.locator("#browser [role=status]").inner_text()

    def listed(self):
        return self.page.locator("#browser [role=option]")

    def choose(self, field, value):
        self.page.locator(f"#browser select[name={field}]").select_option(value)

    def case(self):
        return self.page.locator("#browser .case").inner_text()

    def fragment(self):
        return self.page.evaluate("location.hash")


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(["base", "lora"], ["zero-shot", "rag-3"], ["in_domain", "updated_facts", "retention"], 40)


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    return write_html(run.write(tmp_path_factory.mktemp("run")))


@pytest.fixture
def fresh(browser, report):
    found = Opened(browser, report)
    yield found
    found.page.close()


@pytest.fixture(scope="module")
def kept(browser, report):
    found = Opened(browser, report)
    yield found
    found.page.close()


@pytest.fixture
def opened(kept):
    """A page that is opened once; an address that names nothing but the first case takes all filters back."""
    kept.page.evaluate("location.hash = '#case=in_domain/in_domain-0000'")
    kept.page.locator("#browser [role=status]", has_text="120 of 120").wait_for()
    return kept


def outcomes(run, variant, split=None):
    """How often `variant` is right, wrong and unscored."""
    values = [
        row.value
        for row in run.rows
        if row.variant == variant and row.metric == "exact_match" and split in (None, row.split)
    ]
    return {"right": values.count(1.0), "wrong": values.count(0.0), "unscored": values.count(None)}


def test_it_opens_from_disk_alone(fresh, report):
    """One file is read, nothing is asked of a network, and the browser has nothing to complain of."""
    assert fresh.asked == [report.as_uri()]
    assert fresh.wrong == []
    assert fresh.page.evaluate("scrollY") == 0
    assert fresh.status() == "120 of 120 cases"


def test_nothing_but_its_own_script_may_run(fresh):
    """The policy of the page stops a script that was put into it, and any request."""
    fresh.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.broken = 1';"
        "document.body.append(s); return fetch('http://127.0.0.1:9/').catch(() => {}) }"
    )
    assert fresh.page.evaluate("window.broken") is None
    assert sum("Content Security Policy" in text for text in fresh.wrong) >= 2


@pytest.mark.parametrize("outcome", ["right", "wrong", "unscored"])
def test_outcomes_are_filtered(opened, run, outcome):
    """A variant and an outcome list exactly the cases that its rows say."""
    opened.choose("variant", "lora/rag-3")
    opened.choose("outcome", outcome)
    assert opened.status() == f"{outcomes(run, 'lora/rag-3')[outcome]} of 120 cases"


def test_filters_add_up(opened, run):
    """Split and outcome hold together, and taking them back lists everything again."""
    opened.choose("split", "retention")
    opened.choose("variant", "base/zero-shot")
    opened.choose("outcome", "right")
    assert opened.status() == f"{outcomes(run, 'base/zero-shot', 'retention')['right']} of 120 cases"
    for field in ("split", "variant", "outcome"):
        opened.choose(field, "")
    assert opened.status() == "120 of 120 cases"


def test_disagreement_is_filtered(opened, run):
    """The box lists the cases of which some variant is right and another wrong."""
    values = {}
    for row in run.rows:
        if row.metric == "exact_match":
            values.setdefault(row.case, set()).add(row.value)
    opened.page.get_by_label("variants differ").check()
    assert opened.status() == f"{sum({0.0, 1.0} <= found for found in values.values())} of 120 cases"


def test_attribution_is_filtered(opened, run):
    """Cases whose evidence was in the prompt and misread are as many as the comparison counts."""
    opened.choose("variant", "base/rag-3")
    opened.choose("cause", "misread")
    counted = sum(found.misread for found in run.comparison.attribution if found.variant == "base/rag-3")
    assert counted
    assert opened.status() == f"{counted} of 120 cases"


def test_search_finds_questions_and_answers(opened, run):
    """Words of a question or of an answer, in any case, list what holds them; others list nothing."""
    question = run.cases[7].question
    opened.page.get_by_label("Search").fill(question.upper())
    assert opened.status() == "1 of 120 cases"
    assert question in opened.case()
    opened.page.get_by_label("Search").fill(run.outputs["base", "zero-shot", "retention"][3]["text"].strip())
    assert run.cases[83].question in [*opened.listed().locator(".line").all_inner_texts()]
    opened.page.get_by_label("Search").fill("no text has these words")
    assert opened.status() == "0 of 120 cases"
    assert "No case is like that." in opened.case()


def test_a_case_shows_everything(opened, run):
    """An opened case has its question, references, stale answers, passages, outputs, scores and, folded, prompts."""
    opened.choose("split", "updated_facts")
    opened.listed().nth(2).click()
    case, text = run.cases[42], opened.case()
    for shown in (case.question, case.references[0], case.stale[0], "exact match", "evidence", "1 more retrieved"):
        assert shown in text
    for place, outputs in run.outputs.items():
        if place[2] == "updated_facts":
            assert outputs[2]["text"].strip() in text
    for passage in run.passages[126:129]:
        assert passage.text in text
    assert "Answer in a few words." not in text
    opened.page.get_by_text("Prompt of rag-3").click()
    assert run.prompts["rag-3", "updated_facts"][2].text in opened.page.locator(".prompt:visible").text_content()


def test_the_keyboard_suffices(opened, run):
    """Arrow keys walk the list over its pages, Enter goes to the case and Escape back."""
    opened.page.get_by_role("listbox", name="Cases").focus()
    for pressed in ("ArrowDown", "ArrowDown", "ArrowUp"):
        opened.page.keyboard.press(pressed)
    assert run.cases[1].question in opened.case()
    opened.page.keyboard.press("ArrowRight")
    assert run.cases[51].question in opened.case()
    assert opened.page.locator(".pages").inner_text().split("\n")[1] == "page 2 of 3"
    opened.page.keyboard.press("End")
    assert run.cases[119].question in opened.case()
    seen = "(o => { const l = o.parentElement.getBoundingClientRect(), r = o.getBoundingClientRect();"
    seen += "return l.top <= r.top && r.bottom <= l.bottom })(document.querySelector('[aria-selected=true]'))"
    assert opened.page.evaluate(seen)
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.className") == "case"
    opened.page.keyboard.press("Escape")
    assert opened.page.evaluate("document.activeElement.getAttribute('role')") == "listbox"
    assert opened.page.locator("[aria-selected=true]").count() == 1


def test_tab_reaches_the_verdict_first(fresh):
    """From the top of the page the first stop skips to the verdict."""
    fresh.page.keyboard.press("Tab")
    assert fresh.page.evaluate("document.activeElement.textContent") == "Skip to the verdict"


def test_an_address_opens_its_case(browser, report, run):
    """A link with case, split and variant opens that case, and what is opened can be linked in turn."""
    variant = quote("lora/rag-3", safe="")
    found = Opened(browser, report, f"#case=retention-0009&split=retention&variant={variant}")
    assert run.cases[89].question in found.case()
    assert found.page.locator(".answer.chosen h4").inner_text().startswith("lora/rag-3")
    found.page.get_by_role("listbox", name="Cases").press("ArrowDown")
    assert found.fragment() == f"#split=retention&variant={variant}&case=retention-0010"
    found.page.close()


def test_a_score_leads_to_its_cases(opened, run):
    """A cell of the heat table lists the cases of its split and marks its variant."""
    opened.page.locator("table.heat tbody tr").nth(1).locator("a").nth(2).click()
    assert opened.status() == "40 of 120 cases"
    assert opened.page.locator("select[name=variant]").input_value() == run.comparison.variants[1].name
    assert opened.page.evaluate("document.querySelector('#cases').getBoundingClientRect().top") < 200


def test_the_theme_is_switched(fresh):
    """The button turns light into dark and back, whatever the system asks for."""
    colour = "getComputedStyle(document.body).backgroundColor"
    light = fresh.page.evaluate(colour)
    fresh.page.get_by_role("button", name="Dark").click()
    assert fresh.page.evaluate(colour) != light
    fresh.page.get_by_role("button", name="Light").click()
    assert fresh.page.evaluate(colour) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1320, 390])
def test_it_is_accessible(browser, report, tmp_path, scheme, width):
    """axe-core finds no serious or critical fault, nothing makes the page scroll sideways; a screenshot is kept."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: pip install -e '.[test]'")
    found = Opened(browser, report, scheme=scheme, width=width)
    for summary in found.page.locator("summary").all():
        summary.click()
    faults = axe.Axe().run(found.page).response["violations"]
    assert [fault["id"] for fault in faults if fault["impact"] in ("serious", "critical")] == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    found.page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
    found.page.close()


@pytest.fixture(scope="module")
def hostile(make_run, tmp_path_factory):
    """A run of which every text is an attack."""
    run = make_run(["base"], ["zero-shot", "rag-3"], ["in_domain"], len(HOSTILE))
    run.cases = [
        CaseRow(split="in_domain", case=case.case, question=text, references=(text,), stale=(text,), evidence=(text,))
        for case, text in zip(run.cases, HOSTILE, strict=True)
    ]
    for outputs in run.outputs.values():
        for output, text in zip(outputs, HOSTILE, strict=True):
            output["text"] = text
            output["failure"] = text
        outputs[0]["text"] = "\ud800 alone"
        outputs[1]["text"] = "long " * 200_000
    run.passages = [
        PassageRow(id=row.id, document=HOSTILE[place // 3], title=HOSTILE[place // 3], text=HOSTILE[place // 3])
        for place, row in enumerate(run.passages)
    ]
    for prompts in run.prompts.values():
        prompts[:] = [PromptRow(case=row.case, text=text) for row, text in zip(prompts, HOSTILE, strict=True)]
    return write_html(run.write(tmp_path_factory.mktemp("hostile")))


@pytest.fixture(scope="module")
def attacked(browser, hostile):
    found = Opened(browser, hostile)
    yield found
    found.page.close()


def show(attacked, place):
    cases = attacked.page.get_by_role("listbox", name="Cases")
    cases.press("Home")
    for _ in range(place):
        cases.press("ArrowDown")


@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_hostile_text_is_text(attacked, hostile, place):
    """Whatever a case says stands on the page as it was written, controls written out, and nothing of it runs."""
    show(attacked, place)
    title = attacked.page.locator(".case h3")
    shown = title.evaluate("h => [...h.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('')")
    assert shown == "".join(character for character in HOSTILE[place] if character.isprintable())
    assert attacked.page.evaluate("window.broken") is None
    assert attacked.page.locator("script").count() == 2
    assert attacked.page.locator("#browser img, #browser script, #browser a").count() == 0
    assert attacked.asked == [hostile.as_uri()]
    assert attacked.wrong == []


@pytest.mark.parametrize(("place", "written"), [(3, "U+202E"), (4, "U+0000"), (0, "U+D800 alone")])
def test_what_cannot_be_seen_is_written_out(attacked, place, written):
    """Direction overrides, NUL and halves of surrogate pairs are named, so that no text hides or turns anything."""
    show(attacked, place)
    assert written in attacked.case()


def test_a_long_answer_is_cut(attacked, hostile):
    """Of an answer of a million characters the beginning is shown, and the page says so; the file stays small."""
    show(attacked, 1)
    assert "first 20,000 characters of 1,000,000" in attacked.case()
    assert hostile.stat().st_size < 400_000


def test_choices_are_shown_with_their_likelihoods(browser, make_run, tmp_path):
    """A case with choices has a table of log-likelihoods in which the highest is marked."""
    run = make_run(["base"], ["zero-shot"], ["in_domain"], 2)
    run.cases = [case.model_copy(update={"choices": ("red", "green")}) for case in run.cases]
    for output in run.outputs["base", "zero-shot", "in_domain"]:
        output |= {"text": None, "loglikelihoods": [-2.5, -1.25]}
    found = Opened(browser, write_html(run.write(tmp_path)))
    rows = found.page.locator(".answer table tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [["red", "-2.50"], ["green", "-1.25 ◂ highest"]]
    found.page.close()


def test_seeds_are_shown_together(browser, make_run, tmp_path):
    """Answers of several seeds stand in one place, judged by their mean, and unscored where one of them is."""
    run = make_run(["base"], ["zero-shot"], ["in_domain"], 2)
    rows = [row for row in run.rows if row.metric == "exact_match"]
    first, second = (replace(row, value=1.0, reason=None) for row in rows)
    run.rows = [
        *(replace(first, seed=seed, value=value) for seed, value in enumerate((1.0, 1.0, 0.0))),
        second,
        replace(second, seed=1, value=None, reason="truncated"),
    ]
    outputs = run.outputs["base", "zero-shot", "in_domain"]
    outputs[:] = [{**output, "seed": seed, "text": f" said {seed}"} for seed in range(3) for output in outputs]
    found = Opened(browser, write_html(run.write(tmp_path)))
    assert found.page.locator(".answer").count() == 1
    assert [f"said {seed}" in found.case() for seed in range(3)] == [True] * 3
    assert found.page.locator(".answer h4 [role=img]").get_attribute("aria-label") == "right"
    found.choose("outcome", "unscored")
    assert found.status() == "1 of 2 cases"
    found.page.close()


def test_an_old_browser_is_told(browser, report):
    """Where the browser can't inflate the cases, the page says so and stands without them."""
    page = browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(report.as_uri())
    page.wait_for_selector("#cases-problem:not([hidden])")
    assert "too old" in page.locator("#cases-problem").inner_text()
    assert page.locator("table.heat").is_visible()
    page.close()


def test_it_prints(browser, report):
    """Printed, the page has its verdict and scores in light colours, and none of the controls."""
    found = Opened(browser, report, scheme="dark")
    found.page.emulate_media(media="print")
    assert found.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert found.page.locator(".verdict, table.heat").count() == 2
    assert not any(found.page.locator(hidden).first.is_visible() for hidden in ("nav", ".filters", ".list"))
    found.page.close()
