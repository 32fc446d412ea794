/* The cases of the run: unpacks them and says of each how every variant did. Knows nothing of how they are shown. */

/** What the page packs: base64 of JSON that was deflated (zlib). */
async function unpack(source) {
  const bytes = Uint8Array.from(atob(source.trim()), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(inflated).text());
}

/** One list of all cases, split after split; `outcomes` has right, wrong, unscored or none for each variant. */
function listCases(data) {
  return data.splits.flatMap((split) =>
    split.cases.map((row, place) => {
      const answers = split.answers.map((ofVariant) => ofVariant[place]);
      return {
        ...row,
        split,
        answers,
        asked: split.asked.map((ofContext) => ofContext[place]),
        outcomes: answers.map((found) => outcome(found, data.rightFrom)),
        causes: answers.map((found) => new Set(found.map((answer) => answer.cause).filter(Boolean))),
      };
    }),
  );
}

/** How one variant did on one case: over several seeds by their mean, unscored where one of them is. */
function outcome(answers, rightFrom) {
  const values = answers.map((answer) => answer.scores[0] ?? null);
  if (!answers.some((answer) => answer.unscored) && values.every((value) => value === null)) return "none";
  if (values.includes(null)) return "unscored";
  return values.reduce((sum, value) => sum + value, 0) / values.length >= rightFrom ? "right" : "wrong";
}

/** Everything of a case that can be searched, in lower case; made when it is first searched. */
function haystack(item, data) {
  item.haystack ??= [
    item.id,
    ...[item.question, ...(item.references ?? []), ...(item.choices ?? []), ...(item.stale ?? [])].map(
      (text) => plain(data.strings[text]),
    ),
    ...item.answers.flat().map((answer) => ("text" in answer ? plain(data.strings[answer.text]) : "")),
  ]
    .join("\n")
    .toLowerCase();
  return item.haystack;
}
