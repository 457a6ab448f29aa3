// Two models head to head, on the items that both were measured on.
function showVersus(main, a, b) {
  const names = core.models.map((model, i) => [i, model.name]);
  const go = (x, y) => { location.hash = `#/versus/${x}/${y}`; };
  const found = core.suites.map((suite, i) => ({ suite, i, d: difference(i, a, b) })).filter((row) => cell(a, row.i) || cell(b, row.i));
  const both = found.filter((row) => row.d);
  const span = Math.max(0.02, ...both.filter((row) => row.suite.fraction).map((row) => Math.max(Math.abs(row.d.low), Math.abs(row.d.high)))) * 1.05;
  const word = (d) => (d.same ? "the same answers" : d.verdict > 0 ? "first is better" : d.verdict < 0 ? "second is better" : "cannot tell");
  const tally = (sign) => both.filter((row) => row.d.verdict === sign).length;
  main.append(h("div", { class: "narrow" },
    h("h2", null, "Head to head"),
    h("div", { class: "bar" }, select("first", names, a, (v) => go(v, b), true), select("second", names, b, (v) => go(a, v), true),
      h("button", { type: "button", class: "button", onclick: () => go(b, a) }, "Swap")),
    both.length === 0
      ? h("p", null, a === b ? "These are one and the same model." : "No suite has comparable results of both.")
      : h("p", { role: "status" }, `Of ${both.length} suite${both.length > 1 ? "s" : ""} the first is surely better on ${tally(1)}, the second on ${tally(-1)}; ${tally(0)} cannot tell them apart.`),
    table(["suite", "first", "second", "difference", "", "wins", "losses", "says"], found.map(({ suite, i, d }) => h("tr", null,
      h("th", { scope: "row" }, breakable(suite.label)),
      h("td", { class: "num" }, shown(i, (cell(a, i) || {}).value)), h("td", { class: "num" }, shown(i, (cell(b, i) || {}).value)),
      d ? [h("td", { class: "num" }, h("b", null, shown(i, d.d, true)), h("span", { class: "muted" }, ` ${interval(i, d.low, d.high, true)}`)),
        h("td", null, suite.fraction && dotRow(d.d, d.low, d.high, -span, span, 0, d.verdict < 0 ? "b" : "")),
        h("td", { class: "num" }, d.wins.toLocaleString("en")), h("td", { class: "num" }, d.losses.toLocaleString("en")),
        h("td", { class: d.verdict > 0 ? "verdict-a" : d.verdict < 0 ? "verdict-b" : "" }, word(d))]
        : [h("td", { class: "num" }, DASH), h("td"), h("td"), h("td"), h("td", { class: "muted" }, cell(a, i) && cell(b, i) ? "not comparable" : "not measured")])), { label: "Head to head" }),
    h("p", { class: "muted small" }, "The difference is first minus second on the same examples, with its 95 % interval; clusters of examples count together. Wins are examples that count more for the first. Each suite is judged by itself: of twenty equal pairs one differs by chance. rmbench compare says more, with exact tests."),
    both.length > 0 && h("h3", null, "Part by part"),
    both.map(({ suite, i }) => partsOf(suite, i, a, b))));
}

function partsOf(suite, i, a, b) {
  const parts = evidence()[i].parts;
  if (!parts || !parts.models.includes(a) || !parts.models.includes(b)) return null;
  const all = parts.cache || (parts.cache = fractions(parts.values));
  const at = (m, k) => all[3 * parts.names.length * parts.models.indexOf(m) + 3 * k];
  const inside = h("div");
  const fold = h("details", { class: "suite-fold", ontoggle: () => {
    if (!fold.open || inside.firstChild) return;
    inside.append(table(["subset", "first", "second", "n"], parts.names.map((name, k) => at(a, k) !== null && at(b, k) !== null && h("tr", null,
      h("th", { scope: "row" }, breakable(name)), h("td", { class: "num" }, fraction(at(a, k))), h("td", { class: "num" }, fraction(at(b, k))), h("td", { class: "num" }, parts.n[k].toLocaleString("en")))), { label: suite.label }));
  } }, h("summary", null, breakable(suite.label), h("span", { class: "muted" }, ` ${parts.metric}`)), inside);
  return fold;
}
