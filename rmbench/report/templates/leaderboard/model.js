// Everything about one model.
const costRows = (costs, withDevice = true) => costs.map((c) => h("tr", null,
  h("th", { scope: "row" }, breakable(core.models[c.model].name)), withDevice && h("td", null, breakable(c.device)), h("td", null, c.dtype),
  h("td", null, c.pairs === null ? DASH : number(c.pairs)), h("td", null, c.tokens === null ? DASH : number(c.tokens)),
  h("td", null, c.memory === null ? DASH : dataSize(c.memory))));
const COST_HEAD = ["model", "device", "dtype", "pairs/s", "tokens/s", "peak memory"];

function showModel(main, m) {
  const model = core.models[m], mean = means.get(m);
  const mine = core.suites.map((_, i) => i).filter((i) => cell(m, i));
  const costs = core.costs.filter((c) => c.model === m);
  const best = core.models.findIndex((other, i) => i !== m && !other.blind && core.suites.some((_, k) => (cell(i, k) || {}).best));
  main.append(h("div", { class: "narrow" },
    h("h2", null, breakable(model.name), model.blind && tag("content-blind")),
    h("p", { class: "facts" }, [model.kind, model.revision && `revision ${model.revision.slice(0, 12)}`, model.dtypes.join(", "), `${mine.length} of ${core.suites.length} suites`].filter(Boolean).join(" \u00b7 ")),
    mean && h("p", null, h("b", null, `mean ${fraction(mean.value)} `), interval(null, mean.low, mean.high), mean.rank !== null && `, rank ${rankText(mean)}`, core.mean.suites.length <= 8 ? ` over ${core.mean.suites.map((i) => core.suites[i].label).join(", ")}` : ` over ${core.mean.suites.length} suites`),
    best >= 0 && h("p", null, h("a", { href: `#/versus/${m}/${best}` }, "Compare it with another model")),
    h("h3", null, "Suite by suite"),
    mine.map((i, place) => suiteFold(m, i, place === 0)),
    costs.length > 0 && [h("h3", null, "Cost"), table(COST_HEAD, costRows(costs), { label: "Cost" })],
    h("h3", null, "Scorer"),
    factsList([["given as", model.spec], ["kind", model.kind], ["revision", model.revision], ["margins are logits", model.logits ? "yes" : "no: calibration is undefined"]])));
}

const factsList = (rows) => h("dl", { class: "facts-list" }, rows.filter((row) => row[1]).map(([key, value]) => [h("dt", null, key), h("dd", null, value)]));

function suiteFold(m, i, open) {
  const suite = core.suites[i], c = cell(m, i);
  const inside = h("div");
  const fold = h("details", { class: "suite-fold", ontoggle: () => { if (fold.open && !inside.firstChild) suiteBody(inside, m, i); } },
    h("summary", null, breakable(suite.label), " ", h("b", { class: "num" }, shown(i, c.value)), " ", h("span", { class: "muted num" }, interval(i, c.low, c.high)),
      c.rank !== null && suite.ranked > 1 && h("span", { class: "muted" }, ` rank ${rankText(c)} of ${suite.ranked}`), c.best && suite.ranked > 1 ? " \u2605" : "",
      c.missing && tag("partial", true), (c.flags || []).map((f) => tag(f, true)), suite.older && tag("older version", true)),
    inside);
  if (open) { fold.open = true; }
  return fold;
}

function suiteBody(inside, m, i) {
  const suite = core.suites[i], c = cell(m, i), e = evidence()[i], parts = [];
  const vs = suite.baseline !== null && suite.baseline !== m ? difference(i, m, suite.baseline) : null;
  inside.append(h("p", { class: "muted small" }, `${suite.title}: ${suite.metric}, n = ${c.n.toLocaleString("en")}. `,
    c.missing && `Without ${c.missing.join(", ")}${c.more ? ` and ${c.more} more` : ""}. `, c.reason && `${c.reason}. `,
    vs && ["Against the best content-blind baseline, ", core.models[suite.baseline].name, `: ${shown(i, vs.d, true)} ${interval(i, vs.low, vs.high, true)}, ${vs.verdict > 0 ? "surely better" : vs.verdict < 0 ? "surely worse" : "not surely better"}.`]));
  const bins = e.bins.find((row) => row[0] === m), matrix = e.matrix.find((row) => row[0] === m), calibration = e.calibration.find((row) => row[0] === m);
  if (bins) {
    const values = fractions(bins[1]), counts = new Uint32Array(bytes(bins[2]));
    const of = (name) => calibration[1 + e.metrics.indexOf(name)];
    const ece = of("ECE"), nul = e.metrics.findIndex((name) => /null|if calibrated|by chance/i.test(name));
    parts.push(h("figure", null, h("h4", null, "Reliability"),
      reliabilityChart(values, "Accuracy against confidence in bins of equal mass; the table below has the numbers."),
      h("figcaption", null, "Accuracy against confidence in bins of equal mass, 95 % intervals; dashed: calibrated. ",
        ece !== undefined && ece !== null ? `ECE ${fraction(ece)}${nul >= 0 && calibration[1 + nul] !== null ? `; a calibrated scorer would show ${fraction(calibration[1 + nul])}` : ""}. ` : "",
        h("details", null, h("summary", null, "The numbers"), table(["confidence", "accuracy", "95 % interval", "comparisons"],
          Array.from(counts, (n, b) => h("tr", null, h("td", { class: "num" }, fraction(values[4 * b])), h("td", { class: "num" }, fraction(values[4 * b + 1])),
            h("td", { class: "num" }, interval(null, values[4 * b + 2], values[4 * b + 3])), h("td", { class: "num" }, n.toLocaleString("en")))))))));
  } else if (!core.models[m].logits) {
    parts.push(h("p", { class: "muted small" }, "No reliability diagram: its margins are not logits."));
  }
  if (matrix) parts.push(h("div", null, h("h4", null, "Style matrix"), matrixTable(fractions(matrix[1])),
    h("p", { class: "muted small" }, "Accuracy by the styles of the chosen and the rejected answer; above the diagonal the wrong answer is the more elaborate one (hard).")));
  const subsets = partRows(e.parts, m, i);
  if (subsets) parts.push(h("div", null, h("h4", null, e.parts.metric), subsets,
    e.parts.all > e.parts.names.length && h("p", { class: "muted small" }, `The ${e.parts.names.length} largest of ${e.parts.all} parts.`)));
  if (calibration && calibration.slice(1).some((v) => v !== null)) parts.push(h("div", null, h("h4", null, "Calibration"),
    h("table", { class: "plain" }, h("tbody", null, e.metrics.map((name, k) => calibration[1 + k] !== null && h("tr", null, h("th", { scope: "row" }, name), h("td", { class: "num" }, number(calibration[1 + k]))))))));
  parts.push(h("div", null, h("h4", null, "How the number was made"), factsList([
    ["measured", c.at.slice(0, 10) + (age(c.at) && ` (${age(c.at)})`)], ["rmbench", c.by], ["dtype", c.dtype], ["revision", c.revision],
    ["suite version", suite.version], ["suite digest", suite.digest.slice(0, 16)], ["data", suite.fingerprint.slice(0, 16)], ["ties", suite.ties && `a tie counts ${suite.ties === "half" ? "one half" : "as wrong"}`],
    ["changed rules", suite.modified.join(", ")], ["notes", (c.notes || []).join("; ")], ["result", c.path]])));
  if (examples().rows.some((row) => row[0] === m && row[1] === i)) parts.push(h("p", null, h("a", { href: `#/mistakes/${m}/${i}` }, "Browse its worst mistakes on this suite")));
  inside.append(h("div", { class: "grid" }, parts));
}

function partRows(parts, m) {
  if (!parts || !parts.models.includes(m)) return null;
  const all = parts.cache || (parts.cache = fractions(parts.values)), start = 3 * parts.names.length * parts.models.indexOf(m);
  const rows = parts.names.map((name, k) => ({ name, n: parts.n[k], value: all[start + 3 * k], low: all[start + 3 * k + 1], high: all[start + 3 * k + 2] })).filter((r) => r.value !== null);
  if (!rows.length) return null;
  return table(["subset", h("span", { class: "muted" }, "0 to 1"), "value", "n"], rows.map((r) => h("tr", null, h("th", { scope: "row" }, breakable(r.name)), h("td", null, dotRow(r.value, r.low, r.high, 0, 1, 0.5)),
    h("td", { class: "num", title: interval(null, r.low, r.high) }, fraction(r.value)), h("td", { class: "num" }, r.n.toLocaleString("en")))), { label: parts.metric });
}
