// How good against how fast: one device at a time, for speeds of two devices say nothing.
const speedState = { device: null, suite: null, by: "tokens" };

function showSpeed(main) {
  const devices = [...new Set(core.costs.map((c) => c.device))];
  main.append(h("h2", null, "Accuracy against throughput"));
  if (!devices.length) {
    main.append(h("p", null, "No throughput was measured. ", h("code", null, "rmbench run MODEL --suite throughput"), " measures it."));
    return;
  }
  const options = [...(means.size ? [["mean", "mean"]] : []), ...core.suites.map((suite, i) => [i, suite.label])];
  // The device and the value that show most models come first.
  const both = (device, key) => core.costs.filter((c) => c.device === device && (valueOf(key, c.model) || {}).value !== undefined).length;
  const most = (list, count) => list.reduce((best, x) => (best === undefined || count(x) > count(best) ? x : best), undefined);
  if (!devices.includes(speedState.device)) speedState.device = most(devices, (d) => Math.max(...options.map(([key]) => both(d, key))));
  if (speedState.suite === null) speedState.suite = String((most(options, ([key]) => both(speedState.device, key)) || [0])[0]);
  const area = h("div");
  const redraw = () => { area.replaceChildren(...plot()); };
  main.append(h("div", { class: "bar" },
    select("device", devices.map((d) => [d, d]), speedState.device, (v) => { speedState.device = v; redraw(); }, true),
    select("value", options, speedState.suite, (v) => { speedState.suite = v; redraw(); }, true),
    select("speed", [["tokens", "tokens/s"], ["pairs", "pairs/s"]], speedState.by, (v) => { speedState.by = v; redraw(); })), area);
  redraw();
}

const valueOf = (key, m) => {
  const found = key === "mean" ? means.get(m) : cell(m, Number(key));
  return found && found.value !== null ? found : undefined;
};

function plot() {
  const suite = speedState.suite === "mean" ? null : Number(speedState.suite);
  const of = (m) => valueOf(speedState.suite, m);
  const here = core.costs.filter((c) => c.device === speedState.device);
  const points = here.filter((c) => c[speedState.by] > 0 && of(c.model) !== undefined)
    .map((c) => ({ m: c.model, x: c[speedState.by], ...of(c.model) }));
  const costs = table(COST_HEAD.filter((name) => name !== "device"), costRows(here, false), { label: "Cost on this device" });
  if (!points.length) return [h("p", null, "No model has both numbers: choose another value or device. A scorer that was given other options, such as another length, is another model."), costs];
  const W = Math.max(300, Math.min(900, document.getElementById("main").clientWidth)), H = 380, L = 64, R = 20, T = 14, B = 44;
  const logs = points.map((p) => Math.log10(p.x));
  const pad = Math.max(0.08, (Math.max(...logs) - Math.min(...logs)) * 0.08);
  const x0 = Math.min(...logs) - pad, x1 = Math.max(...logs) + pad;
  const lows = points.map((p) => (p.low === null ? p.value : p.low)), highs = points.map((p) => (p.high === null ? p.value : p.high));
  const gap = (Math.max(...highs) - Math.min(...lows)) * 0.08 || 0.05;
  const y0 = Math.min(...lows) - gap, y1 = Math.max(...highs) + gap;
  const x = (v) => L + ((Math.log10(v) - x0) / (x1 - x0)) * (W - L - R), y = (v) => H - B - ((v - y0) / (y1 - y0)) * (H - T - B);
  const ticks = [];
  for (let e = Math.floor(x0); e <= Math.ceil(x1); e++) for (const f of [1, 2, 5]) {
    const v = f * 10 ** e, l = Math.log10(v);
    if (l >= x0 && l <= x1 && (f === 1 || x1 - x0 < W / 200)) ticks.push(line(x(v), T, x(v), H - B, "grid-line"), s("text", { x: x(v), y: H - B + 16, "text-anchor": "middle" }, v >= 1 ? v.toLocaleString("en") : String(v)));
  }
  const step = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((v) => (y1 - y0) / v <= 7) || 20;
  for (let v = Math.ceil(y0 / step) * step; v <= y1; v += step) ticks.push(line(L, y(v), W - R, y(v), "grid-line"), s("text", { x: L - 8, y: y(v) + 4, "text-anchor": "end" }, shown(suite, v)));
  const sorted = [...points].sort((a, b) => b.x - a.x || b.value - a.value), frontier = [];
  for (const p of sorted) if (!frontier.length || p.value > frontier[frontier.length - 1].value) frontier.push(p);
  const path = frontier.map((p, i) => (i ? `V${y(p.value)}` : `M${x(p.x)},${y(p.value)}`) + (i ? `H${x(p.x)}` : "")).join("");
  const labels = points.length <= 25, room = W < 500 ? 18 : 28;
  return [
    h("div", { class: "scroll" }, s("svg", { class: "chart to-scale", viewBox: `0 0 ${W} ${H}`, width: W, role: "img", "aria-label": "Value against throughput; the table below has the numbers." },
      ticks, s("path", { class: "frontier", d: path }),
      points.map((p) => s("a", { href: `#/model/${p.m}`, "aria-label": core.models[p.m].name },
        s("title", null, `${core.models[p.m].name}: ${shown(suite, p.value)} ${interval(suite, p.low, p.high)}, ${number(p.x)} ${speedState.by}/s`),
        p.low !== null && line(x(p.x), y(p.low), x(p.x), y(p.high), "thin"), s("circle", { class: "pt", cx: x(p.x), cy: y(p.value), r: 5 }),
        labels && s("text", { class: "ink", x: x(p.x) > W * 0.75 ? x(p.x) - 8 : x(p.x) + 8, y: y(p.value) - 6, "text-anchor": x(p.x) > W * 0.75 ? "end" : "start" }, short(core.models[p.m].name, room)))),
      s("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle" }, `${speedState.by}/s, logarithmic`),
      s("text", { x: 12, y: (H - B) / 2, transform: `rotate(-90 12 ${(H - B) / 2})`, "text-anchor": "middle" }, suite === null ? "mean" : `${short(core.suites[suite].label)}, ${core.suites[suite].metric}`))),
    h("p", { class: "muted small" }, "Each point is a model with the 95 % interval of its value; nothing is both faster and better than the models on the dashed line."),
    costs];
}
const short = (name, room = 28) => (name.length <= room ? name : `${name.slice(0, room / 2)}\u2026${name.slice(2 - room / 2)}`);
