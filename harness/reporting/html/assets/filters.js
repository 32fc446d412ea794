/* Which cases are listed: what the reader asked for, in the form and in the address, so that a view can be linked. */

const CAUSES = {
  right_with_evidence: "right, with the evidence",
  right_without_evidence: "right, without it",
  not_retrieved: "evidence not retrieved",
  dropped: "retrieved, no room",
  misread: "in the prompt, misread",
  unscored: "unscored",
};
const OUTCOMES = { right: "right", wrong: "wrong", unscored: "unscored" };
const FIELDS = ["split", "variant", "outcome", "cause", "differ", "search", "case"];

/** What the address asks for; what it doesn't name is "". */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(FIELDS.map((field) => [field, asked.get(field) ?? ""]));
}

/** Whether the address names anything of the browser: other fragments are places on the page. */
function addressed() {
  const asked = new URLSearchParams(location.hash.slice(1));
  return FIELDS.some((field) => asked.has(field) && asked.get(field) !== "");
}

function writeAddress(wanted) {
  const named = FIELDS.filter((field) => wanted[field] !== "").map((field) => [field, wanted[field]]);
  history.replaceState(null, "", `#${new URLSearchParams(named)}`);
}

/** Whether `item` is among what is `wanted`; outcome and cause are of the variant, or of any where none is named. */
function matches(item, wanted, data) {
  if (wanted.split && item.split.name !== wanted.split) return false;
  const variant = data.variants.findIndex((found) => found.name === wanted.variant);
  const outcomes = variant < 0 ? item.outcomes : [item.outcomes[variant]];
  const causes = variant < 0 ? item.causes : [item.causes[variant]];
  if (wanted.outcome && !outcomes.includes(wanted.outcome)) return false;
  if (wanted.cause && !causes.some((found) => found.has(wanted.cause))) return false;
  if (wanted.differ && !(item.outcomes.includes("right") && item.outcomes.includes("wrong"))) return false;
  return !wanted.search || haystack(item, data).includes(wanted.search.toLowerCase());
}

/** The form of all filters; `changed` is called whenever one of them is. */
function filterForm(data, changed) {
  const choice = (field, label, any, options) =>
    element(
      "label",
      {},
      label,
      element(
        "select",
        { name: field },
        element("option", { value: "" }, any),
        ...options.map(([value, text]) => element("option", { value }, text)),
      ),
    );
  const causes = new Set(data.splits.flatMap((split) => split.answers.flat(2).map((answer) => answer.cause)));
  const form = element(
    "form",
    { class: "filters", "aria-label": "Which cases are listed" },
    choice(
      "split",
      "Split",
      "all splits",
      data.splits.map(({ name, kind }) => [name, `${name} (${kind})`]),
    ),
    choice(
      "variant",
      "Variant",
      "any variant",
      data.variants.map(({ name }) => [name, name]),
    ),
    choice("outcome", "Answered", "any outcome", Object.entries(OUTCOMES)),
    choice(
      "cause",
      "Evidence",
      "any",
      Object.entries(CAUSES).filter(([cause]) => causes.has(cause)),
    ),
    element("label", {}, "Search", element("input", { type: "search", name: "search", autocomplete: "off" })),
    element(
      "label",
      { class: "check" },
      element("input", { type: "checkbox", name: "differ" }),
      "variants differ",
    ),
  );
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  return form;
}

/** What the form says, as the address would. */
function readForm(form) {
  const { split, variant, outcome: answered, cause, differ, search } = form.elements;
  return {
    split: split.value,
    variant: variant.value,
    outcome: answered.value,
    cause: cause.value,
    differ: differ.checked ? "yes" : "",
    search: search.value,
  };
}

function fillForm(form, wanted) {
  for (const field of ["split", "variant", "outcome", "cause", "search"])
    form.elements[field].value = wanted[field];
  form.elements.differ.checked = wanted.differ !== "";
}
