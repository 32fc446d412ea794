/* One case: the question, what every variant answered and how it was judged, and what they saw. */

const MARKS = { right: ["✓", "right-mark"], wrong: ["✗", "wrong-mark"], unscored: ["–", ""], none: ["", ""] };

/** All of one case, as the children of its element. */
function showCase(item, data, wanted) {
  const texts = (places) =>
    places.map((place) => element("div", { class: "text" }, ...shown(data.strings[place])));
  const facts = [
    ["Expected", item.references],
    ["Outdated", item.stale],
    ["Choices", item.choices],
  ].filter(([, places]) => places);
  const fact = ([name, places]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...texts(places)));
  const answered = data.variants.flatMap((variant, place) =>
    item.answers[place].length ? [showAnswers(item, place, data, variant.name === wanted.variant)] : [],
  );
  const told = new Set();
  const seen = data.contexts.flatMap((context, place) =>
    item.asked[place].map((asked) => showAsked(context, asked, item, data, told)),
  );
  return [
    element("p", { class: "where" }, ...visible(`${item.split.name} · ${item.id}`)),
    element("h3", { id: "case-title" }, ...shown(data.strings[item.question])),
    facts.length ? element("dl", {}, ...facts.map(fact)) : null,
    answered.length
      ? element("div", { class: "answers" }, ...answered)
      : element("p", { class: "note" }, "No variant answered this case."),
    ...seen,
  ].filter(Boolean);
}

/** What one variant answered, one text a seed. */
function showAnswers(item, place, data, chosen) {
  const [mark, look] = MARKS[item.outcomes[place]];
  const several = item.answers[place].length > 1;
  return element(
    "article",
    { class: chosen ? "answer chosen" : "answer" },
    element(
      "h4",
      {},
      element("span", {}, ...visible(data.variants[place].name)),
      element("span", { class: look, role: "img", "aria-label": OUTCOME_WORDS[item.outcomes[place]] }, mark),
    ),
    ...item.answers[place].flatMap((answer) => showAnswer(answer, item, data, several)),
  );
}

function showAnswer(answer, item, data, several) {
  const remarks = [
    several ? `seed ${answer.seed}` : "",
    ...item.split.metrics.map((metric, place) => judgement(metric, answer.scores[place])),
    answer.unscored ? `unscored: ${answer.unscored}` : "",
    answer.unfinished ? "stopped at the length limit" : "",
    answer.failure ? `not asked: ${answer.failure}` : "",
    CAUSES[answer.cause] ?? "",
  ].filter(Boolean);
  return [
    "text" in answer ? said(data.strings[answer.text]) : null,
    answer.loglikelihoods ? likelihoods(answer.loglikelihoods, item.choices ?? [], data) : null,
    element("p", { class: "judged" }, ...visible(remarks.join(" · "))),
  ].filter(Boolean);
}

/** The text that was answered; a long one scrolls in its place, which the keyboard must reach. */
function said(entry) {
  const scrolls = plain(entry).length > 600 ? { tabindex: "0", role: "group", "aria-label": "answer" } : {};
  const text = typeof entry === "string" ? entry.replace(/^ /, "") : entry; // the space that a prompt leaves to it
  const nodes =
    plain(text).trim() === "" ? [element("span", { class: "shortened" }, "(nothing)")] : shown(text);
  return element("p", { class: "said text", ...scrolls }, ...nodes);
}

/** The log-likelihood of every choice, the highest marked. */
function likelihoods(values, choices, data) {
  const highest = Math.max(...values.filter((value) => value !== null));
  const heading = (text) => element("th", { scope: "col" }, text);
  const row = (value, place) => {
    const choice = place in choices ? shown(data.strings[choices[place]]) : [`${place + 1}`];
    const mark = value !== null && value === highest ? " ◂ highest" : "";
    return element(
      "tr",
      {},
      element("th", { scope: "row", class: "text" }, ...choice),
      element("td", { class: "figure" }, value === null ? "-" : value.toFixed(2), mark),
    );
  };
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, heading("choice"), heading("log-likelihood"))),
    element("tbody", {}, ...values.map(row)),
  );
}

/** What every model saw in one context: the passages, those of `told` by title alone, and the whole prompt folded. */
function showAsked(context, asked, item, data, told) {
  const seeds = asked.seeds.length === 1 && asked.seeds[0] === 0 ? "" : `, seed ${asked.seeds.join(", ")}`;
  const passages = (asked.passages ?? []).map((place) => {
    const again = told.has(place);
    told.add(place);
    return showPassage(data.passages[place], again, item, data);
  });
  const dropped = asked.dropped ? `${asked.dropped} more retrieved, for which the window had no room` : "";
  const prompt = (asked.prompt ?? []).flatMap((place) => shown(data.strings[place]));
  const heading = passages.length || dropped ? element("h4", {}, ...visible(`${context}${seeds}`)) : null;
  return element(
    "div",
    { class: "asked" },
    heading,
    passages.length ? element("ol", { class: "passages" }, ...passages) : null,
    dropped ? element("p", { class: "note" }, dropped) : null,
    prompt.length
      ? element(
          "details",
          {},
          element("summary", {}, ...visible(`Prompt of ${context}${seeds}`)),
          element(
            "div",
            { class: "prompt text", tabindex: "0", role: "group", "aria-label": "prompt" },
            ...prompt,
          ),
        )
      : null,
  );
}

function showPassage(passage, again, item, data) {
  const title = plain(data.strings[passage.title]) || passage.document;
  return element(
    "li",
    {},
    element("span", { class: "title" }, ...visible(title), " "),
    (item.evidence ?? []).includes(passage.document) ? element("span", { class: "tag" }, "evidence") : null,
    again ? element("span", { class: "shortened" }, " shown above") : null,
    again ? null : element("div", { class: "text" }, ...shown(data.strings[passage.text])),
  );
}

function judgement(metric, value) {
  return value === null ? "" : `${metric} ${Math.round(value * 1000) / 1000}`;
}
