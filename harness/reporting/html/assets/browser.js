/* The browser of cases: filters above, a list beside the case that is open. */

function browse(place, data) {
  const cases = listCases(data);
  const form = filterForm(data, () => ask(readForm(form)));
  const status = element("p", { role: "status" });
  const list = element("ul", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Cases" });
  const opened = element("article", { class: "case", tabindex: "-1", "aria-labelledby": "case-title" });
  const earlier = element("button", { type: "button" }, "‹ Previous page");
  const later = element("button", { type: "button" }, "Next page ›");
  const pages = element("span");
  let wanted = readAddress();
  let found = [];
  let selected = -1;
  let current;

  /** How the address names a case: within a split by its id. */
  const nameOf = (item) => (wanted.split ? item.id : `${item.split.name}/${item.id}`);

  /** Lists what is wanted, and keeps the case open that is, where it is among it. */
  function ask(changed, linked = true) {
    wanted = { ...wanted, ...changed };
    found = cases.filter((item) => matches(item, wanted, data));
    const named = found.findIndex((item) => nameOf(item) === wanted.case);
    select(named >= 0 ? named : Math.max(found.indexOf(current), 0), linked);
    status.textContent = `${found.length.toLocaleString("en")} of ${cases.length.toLocaleString("en")} cases`;
  }

  /** Opens a case; `linked` in the address too. */
  function select(place, linked = true) {
    selected = found.length ? place : -1;
    const item = found[selected];
    list.replaceChildren(...options(found, selected, data));
    if (item) list.setAttribute("aria-activedescendant", `case-${selected}`);
    else list.removeAttribute("aria-activedescendant");
    reveal(list.querySelector("[aria-selected=true]"));
    const page = Math.floor(Math.max(selected, 0) / PAGE_SIZE);
    const last = Math.max(Math.ceil(found.length / PAGE_SIZE), 1) - 1;
    pages.textContent = `page ${page + 1} of ${last + 1}`;
    earlier.disabled = page === 0;
    later.disabled = page === last;
    current = item;
    const none = element("h3", { id: "case-title" }, "No case is like that.");
    opened.replaceChildren(...(item ? showCase(item, data, wanted) : [none]));
    wanted.case = item ? nameOf(item) : "";
    if (linked) writeAddress(wanted);
  }

  /** Scrolls the list, and only it, until `option` is seen. */
  function reveal(option) {
    if (!option) return;
    const lowest = option.offsetTop;
    list.scrollTop = Math.min(
      Math.max(list.scrollTop, lowest + option.offsetHeight - list.clientHeight),
      lowest,
    );
  }

  function turn(by) {
    const first = (Math.floor(selected / PAGE_SIZE) + by) * PAGE_SIZE;
    select(Math.min(Math.max(first, 0), found.length - 1));
  }

  earlier.addEventListener("click", () => turn(-1));
  later.addEventListener("click", () => turn(1));
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter") opened.focus();
    const target =
      event.altKey || event.ctrlKey || event.metaKey ? null : moved(event.key, selected, found.length);
    if (target === null || !found.length) return;
    event.preventDefault();
    select(target);
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    select(Number(option.id.slice("case-".length)));
    if (opened.offsetTop > list.offsetTop + list.offsetHeight / 2) opened.scrollIntoView({ block: "start" });
  });
  opened.addEventListener("keydown", (event) => {
    if (event.key === "Escape") list.focus();
  });
  addEventListener("hashchange", follow);

  /** Goes where the address points. */
  function follow() {
    if (!addressed()) return;
    fillForm(form, readAddress());
    ask(readAddress());
    place.parentElement.scrollIntoView();
  }

  const turning = element("div", { class: "pages" }, earlier, pages, later);
  place.append(
    form,
    element("div", { class: "bar" }, status, key(), turning),
    element("div", { class: "panes" }, list, opened),
  );
  place.hidden = false;
  if (addressed()) follow();
  else ask({}, false);
}

async function openBrowser(packed) {
  const problem = document.getElementById("cases-problem");
  try {
    if (!("DecompressionStream" in window))
      throw new Error("this browser is too old for DecompressionStream (2023)");
    browse(document.getElementById("browser"), await unpack(packed.textContent));
  } catch (error) {
    problem.textContent = `The cases can't be shown: ${error.message}. The rest of the page stands without them.`;
    problem.hidden = false;
  }
}

const packedCases = document.getElementById("packed-cases");
if (packedCases) openBrowser(packedCases);
