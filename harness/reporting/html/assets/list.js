/* The list of cases, a page of it at a time, so that thousands stay quick. */

const PAGE_SIZE = 50;
const OUTCOME_WORDS = { right: "right", wrong: "wrong", unscored: "unscored", none: "not judged" };

/** One mark a variant, in the order of the variants. */
function strip(outcomes) {
  const marks = outcomes.map((found) => element("i", { class: found }));
  return element("span", { class: "strip", "aria-hidden": "true" }, ...marks);
}

/** What the marks mean. */
function key() {
  const entry = ([found, word]) => element("span", {}, strip([found]), word);
  return element("span", { class: "key" }, ...Object.entries(OUTCOME_WORDS).slice(0, 3).map(entry));
}

/** The options of one page of `found`, of which the one at `selected` is. */
function options(found, selected, data) {
  const first = Math.floor(Math.max(selected, 0) / PAGE_SIZE) * PAGE_SIZE;
  return found.slice(first, first + PAGE_SIZE).map((item, place) => {
    const counts = Object.entries(OUTCOME_WORDS)
      .map(([name, word]) => [item.outcomes.filter((one) => one === name).length, word])
      .filter(([count, word]) => count && word !== "not judged")
      .map(([count, word]) => `${count} ${word}`);
    return element(
      "li",
      { role: "option", id: `case-${first + place}`, "aria-selected": String(first + place === selected) },
      element(
        "span",
        { class: "line", dir: "auto" },
        ...visible(plain(data.strings[item.question]).slice(0, 300)),
      ),
      strip(item.outcomes),
      element("span", { class: "unseen" }, ` ${item.split.name}: ${counts.join(", ")}`),
    );
  });
}

/** Where a key of the keyboard moves to among `count` cases; null for a key that doesn't move. */
function moved(pressed, selected, count) {
  const target = {
    ArrowDown: selected + 1,
    ArrowUp: selected - 1,
    ArrowRight: selected + PAGE_SIZE,
    ArrowLeft: selected - PAGE_SIZE,
    PageDown: selected + 10,
    PageUp: selected - 10,
    Home: 0,
    End: count - 1,
  }[pressed];
  return target === undefined ? null : Math.min(Math.max(target, 0), count - 1);
}
