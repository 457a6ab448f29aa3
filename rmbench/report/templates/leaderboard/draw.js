// Small charts. Each says in words, or stands beside a table of, what it shows.
const line = (x1, y1, x2, y2, cls) => s("line", { x1, y1, x2, y2, class: cls });

function reliabilityChart(bins, label) {
  const W = 340, H = 230, L = 40, R = 8, T = 8, B = 34;
  const rows = [];
  for (let i = 0; i < bins.length; i += 4) rows.push(bins.slice(i, i + 4));
  const lowest = Math.min(0.45, ...rows.map((r) => (r[2] === null ? r[1] : r[2])));
  const floor = Math.max(0, Math.floor(lowest * 10) / 10);
  const x = (v) => L + ((v - 0.5) / 0.5) * (W - L - R), y = (v) => H - B - ((v - floor) / (1 - floor)) * (H - T - B);
  const marks = [];
  for (let v = Math.ceil(floor * 10) / 10; v <= 1.0001; v += floor < 0.3 ? 0.2 : 0.1) {
    marks.push(line(L, y(v), W - R, y(v), "grid-line"), s("text", { x: L - 6, y: y(v) + 4, "text-anchor": "end" }, fraction(v).slice(0, 3).replace("1.0", "1")));
  }
  for (let v = 0.5; v <= 1.0001; v += 0.1) marks.push(s("text", { x: x(v), y: H - B + 15, "text-anchor": "middle" }, v > 0.999 ? "1" : fraction(v).slice(0, 2)));
  return s("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": label },
    marks, line(x(0.5), y(0.5), x(1), y(1), "ideal"),
    rows.map((r) => r[2] !== null && line(x(r[0]), y(r[2]), x(r[0]), y(r[3]), "whisk")),
    s("polyline", { class: "curve", points: rows.map((r) => `${x(r[0])},${y(r[1])}`).join(" ") }),
    rows.map((r) => s("circle", { class: "pt", cx: x(r[0]), cy: y(r[1]), r: 3.2 })),
    s("text", { x: (L + W - R) / 2, y: H - 3, "text-anchor": "middle" }, "confidence"),
    s("text", { x: 11, y: (H - B) / 2, transform: `rotate(-90 11 ${(H - B) / 2})`, "text-anchor": "middle" }, "accuracy"));
}

// One value with its interval on a scale, a bar where the scale starts at 0; `zero` is drawn dashed.
function dotRow(value, low, high, from, to, zero, cls) {
  const x = (v) => (100 * (Math.min(Math.max(v, from), to) - from)) / (to - from);
  return s("svg", { class: "dot-row", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" },
    from === 0 && s("rect", { x: 0, y: 5, width: x(value), height: 10, class: "fill" }),
    zero !== null && s("line", { x1: x(zero), x2: x(zero), y1: 0, y2: 20, class: "ideal", "vector-effect": "non-scaling-stroke" }),
    low !== null && low !== undefined && s("line", { x1: x(low), x2: x(high), y1: 10, y2: 10, class: "thin", "vector-effect": "non-scaling-stroke" }),
    s("rect", { x: x(value) - 0.7, y: 4, width: 1.4, height: 12, class: `pt ${cls || ""}` }));
}

function matrixTable(values) {
  const styles = ["concise", "detailed", "with markdown"];
  return h("table", { class: "matrix" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "chosen \\ rejected"), styles.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, styles.map((name, i) => h("tr", null, h("th", { scope: "row" }, name),
      styles.map((_, j) => {
        const v = values[3 * i + j], node = h("td", null, fraction(v));
        node.style.background = `color-mix(in srgb, ${v >= 0.5 ? "var(--accent)" : "var(--wrong)"} ${Math.round(Math.abs(v - 0.5) * 90)}%, transparent)`;
        return node;
      })))));
}
