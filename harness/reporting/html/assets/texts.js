/* Elements and texts. A text from the run only ever becomes a text node: nothing here reads it as HTML. */

/** A new element; an attribute that is false or undefined is left out, a child may be a text, an element or null. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value !== undefined) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// What is not seen and yet acts: controls but tab and line feed, direction marks and overrides, zero-width characters,
// and halves of surrogate pairs.
const CONTROLS =
  /([\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate})/u;

/** Nodes that show `text` with what can't be seen in it written out, so that it hides and turns nothing. */
function visible(text) {
  return text.split(CONTROLS).map((part, place) => {
    if (place % 2 === 0) return part;
    const code = part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return element("span", { class: "control", title: "a character that can't be seen" }, `U+${code}`);
  });
}

/** A text of the run, with a note where the page holds only its beginning. */
function shown(entry) {
  if (typeof entry === "string") return visible(entry);
  const [beginning, length] = entry;
  const note = `[shown: the first ${beginning.length.toLocaleString("en")} characters of ${length.toLocaleString("en")}]`;
  return [...visible(beginning), element("span", { class: "shortened" }, ` ${note}`)];
}

/** The text itself, as far as the page holds it. */
function plain(entry) {
  return typeof entry === "string" ? entry : entry[0];
}
