// The board itself: rows are made once, then sorted, filtered and given other columns.
const board = (() => {
  const devices = [...new Set(core.costs.map((c) => c.device))];
  const costOf = (model, device) => core.costs.find((c) => c.model === model && c.device === device);
  const costKinds = [["tokens", "tokens/s"], ["pairs", "pairs/s"], ["memory", "peak memory"]];

  const columns = [];
  const add = (column) => columns.push(column);
  const named = (list) => list.map((i) => core.suites[i].label).join(", ");
  // Suites whose values can be averaged; the board's own mean goes over those that all models have.
  const averaged = [...core.suites.keys()].filter((i) => { const x = core.suites[i]; return x.fraction && x.higher && x.ranked && !x.older && !x.modified.length; });
  const picked = () => averaged.filter((i) => state.on.has(`s${i}`));
  const meanOf = (m) => (state.own ? ownMeans.get(m) : means.get(m));
  let ownMeans = new Map();
  if (means.size || averaged.length > 1) add({
    key: "mean", group: "Suites", title: "mean", on: means.size > 0, only: () => means.size > 0 || state.own,
    sub: () => (state.own ? `of the ${picked().length} shown` : `of ${core.mean.suites.length} suites`),
    value: (m) => (meanOf(m) || {}).value, draw: (m) => numberCell(null, meanOf(m), !state.own && means.size > 1),
    help: () => (state.own ? `Unweighted mean over ${named(picked())}, of the models that have them all; it has no ranks` : `Unweighted mean over ${named(core.mean.suites)}`),
  });
  core.suites.forEach((suite, i) => add({
    key: `s${i}`, suite: i, group: "Suites", title: suite.label,
    sub: () => `${suite.metric}${suite.ranked ? `, n = ${suite.n.toLocaleString("en")}` : ""}`,
    stale: suite.older, help: () => suite.title + (suite.help ? `: ${suite.help}` : ""),
    value: (m) => (cell(m, i) || {}).value, draw: (m) => numberCell(i, cell(m, i), suite.ranked > 1), on: true, low: !suite.higher,
  }));
  devices.forEach((device, d) => costKinds.forEach(([kind, title]) => {
    const any = core.costs.some((c) => c.device === device && c[kind] !== null);
    if (any) add({
      key: `c${d}${kind[0]}`, group: "Cost", title, sub: () => device, name: `${title}, ${device}`, low: kind === "memory",
      value: (m) => (costOf(m, device) || {})[kind],
      draw: (m) => { const c = costOf(m, device); return c && c[kind] !== null ? h("td", { title: c.dtype }, kind === "memory" ? dataSize(c[kind]) : number(c[kind])) : empty(); },
      on: d === 0 && kind === "tokens",
    });
  }));
  const text = (key, title, of, on) => add({ key, group: "About the model", title, sub: () => "", text: true, value: of, draw: (m) => h("td", { class: "text" }, breakable(of(m) || "")), on });
  text("kind", "kind", (m) => core.models[m].kind);
  text("rev", "revision", (m) => core.models[m].revision.slice(0, 12));
  text("dtype", "dtype", (m) => core.models[m].dtypes.join(", "));
  const newest = (m) => core.suites.map((_, i) => (cell(m, i) || {}).at || "").sort().pop() || "";
  text("date", "measured", (m) => newest(m).slice(0, 10));
  text("by", "rmbench", (m) => [...new Set(core.suites.map((_, i) => (cell(m, i) || {}).by).filter(Boolean))].sort().join(", "));

  const empty = () => h("td", { class: "none", title: "not measured", "aria-label": "not measured" }, DASH);
  function numberCell(suite, c, ranked) {
    if (!c) return empty();
    const marks = [];
    if (ranked && c.best) marks.push(h("span", { class: "best", title: "cannot be told apart from the best" }, " \u2605"));
    if (c.above === 0) marks.push(h("span", { class: "mark", title: "not surely above the best content-blind baseline" }, " \u2193"));
    if (c.flags) marks.push(h("span", { class: "mark", title: c.flags.join("; ") }, " \u2020"));
    const made = c.at && `measured ${c.at.slice(0, 10)} by rmbench ${c.by}`;
    const why = c.missing ? `partial: without ${c.missing.join(", ")}${c.more ? ` and ${c.more} more` : ""}` : c.reason;
    return h("td", { class: c.missing && "partial", title: [why, made].filter(Boolean).join("; ") || null },
      h("span", { class: "v" }, shown(suite, c.value)), marks,
      ranked && c.rank !== null && h("span", { class: "rk" }, ` ${rankText(c)}`),
      h("span", { class: "ci" }, c.missing ? "partial " : "", interval(suite, c.low, c.high)));
  }

  const state = { sort: means.size ? "mean" : null, down: true, filter: "", models: false, own: false, on: new Set(columns.filter((c) => c.on).map((c) => c.key)) };
  const most = [...core.suites.keys()].sort((a, b) => core.suites[b].ranked - core.suites[a].ranked)[0];
  const first = most === undefined ? "name" : `s${most}`;
  state.sort = state.sort || first;
  // A board with many suites starts with those that most models have.
  if (core.suites.length > 12) {
    const ranked = [...core.suites.keys()].sort((a, b) => core.suites[b].ranked - core.suites[a].ranked || a - b);
    const shownFirst = new Set(ranked.slice(0, 12));
    core.suites.forEach((_, i) => { if (!shownFirst.has(i)) state.on.delete(`s${i}`); });
  }

  let body, head, rows, count;
  const shownOf = h("span", { class: "hint", role: "status" });
  const visibleColumns = () => columns.filter((c) => state.on.has(c.key) && (!c.only || c.only()));

  // The mean over the suites in sight, whose errors are independent of each other.
  function makeMeans() {
    ownMeans = new Map();
    const suites = picked();
    if (!state.own || !suites.length) return;
    core.models.forEach((_, m) => {
      let sum = 0, variance = 0;
      for (const i of suites) {
        const p = pairsOf(i), at = p && p.place.get(m);
        if (at === undefined) return;
        sum += p.values[at];
        variance += p.se[at] ** 2;
      }
      const value = sum / suites.length, half = (1.959964 * Math.sqrt(variance)) / suites.length;
      ownMeans.set(m, { value, low: Math.max(0, value - half), high: Math.min(1, value + half), rank: null });
    });
  }

  function makeRows() {
    const shownColumns = visibleColumns();
    rows = core.models.map((model, m) => ({
      m, model, name: model.name.toLowerCase(),
      node: h("tr", { class: model.blind && "blind" },
        h("th", { scope: "row", class: "model" }, h("a", { href: `#/model/${m}` }, breakable(model.name)), model.blind && tag("content-blind")),
        shownColumns.map((c) => c.draw(m))),
    }));
  }
  function makeHead() {
    const cellOf = (key, title, sub, attributes) => {
      const current = state.sort === key;
      return h("th", { scope: "col", "aria-sort": current ? (state.down ? "descending" : "ascending") : "none", ...attributes },
        h("button", { type: "button", "data-sort": key, onclick: () => sortBy(key) }, breakable(title), current ? (state.down ? " \u25be" : " \u25b4") : ""),
        h("span", { class: "sub" }, sub));
    };
    head.replaceChildren(h("tr", null,
      cellOf("name", "model", "", { class: "model" }),
      visibleColumns().map((c) => cellOf(c.key, c.title, c.sub() + (c.stale ? ", older version" : ""), { title: c.help && c.help(), class: c.stale && "stale" }))));
  }
  function order() {
    const column = columns.find((c) => c.key === state.sort);
    const sign = state.down ? -1 : 1;
    const value = column ? (r) => column.value(r.m) : (r) => r.name;
    const there = (v) => v !== null && v !== undefined && v !== "";
    // Baselines stand below: no order puts one first.
    rows.sort((a, b) => {
      if (a.model.blind !== b.model.blind) return a.model.blind ? 1 : -1;
      const x = value(a), y = value(b);
      if (!there(x) || !there(y)) return there(x) ? -1 : there(y) ? 1 : a.m - b.m;
      return (x < y ? -sign : x > y ? sign : 0) || a.m - b.m;
    });
    body.replaceChildren(...rows.map((r) => r.node));
  }
  function filter() {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const r of rows) {
      const keep = words.every((w) => r.name.includes(w)) && !(state.models && r.model.blind);
      r.node.hidden = !keep;
      left += keep;
    }
    count.textContent = `${left} of ${rows.length}`;
  }
  function sortBy(key) {
    const column = columns.find((c) => c.key === key);
    const highFirst = column ? !column.low && !column.text : false;
    state.down = state.sort === key ? !state.down : highFirst;
    state.sort = key;
    makeHead();
    order();
    const again = head.querySelector(`[data-sort="${key}"]`);
    if (again) again.focus();
  }
  function refresh() {
    const hidden = core.suites.filter((_, i) => !state.on.has(`s${i}`)).length;
    shownOf.textContent = hidden ? `${core.suites.length - hidden} of ${core.suites.length} suites are shown: more under Columns.` : "";
    makeMeans();
    makeRows();
    makeHead();
    order();
    filter();
  }
  function averageShown(on) {
    state.own = on;
    if (on) { state.on.add("mean"); state.sort = "mean"; state.down = true; }
    else if (!means.size && state.sort === "mean") state.sort = first;
    refresh();
  }

  function picker() {
    const panel = h("div", { class: "panel", id: "columns", hidden: true });
    const button = h("button", { type: "button", class: "button", "aria-expanded": "false", "aria-controls": "columns" }, "Columns");
    const close = (focus) => { panel.hidden = true; button.setAttribute("aria-expanded", "false"); if (focus) button.focus(); };
    button.addEventListener("click", () => {
      const open = panel.hidden;
      if (open && !panel.firstChild) groups();
      panel.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
      if (open) panel.querySelector("input").focus();
    });
    const outer = h("div", { class: "picker", onkeydown: (e) => { if (e.key === "Escape") close(true); } }, button, panel);
    document.addEventListener("click", (e) => { if (!outer.contains(e.target) && !panel.hidden && document.contains(outer)) close(false); });
    function groups() {
      for (const group of [...new Set(columns.map((c) => c.group))]) {
        const own = columns.filter((c) => c.group === group && (c.key !== "mean" || means.size)), boxes = [];
        const set = (on) => { own.forEach((c) => state.on[on ? "add" : "delete"](c.key)); boxes.forEach((b) => { b.checked = on; }); refresh(); };
        panel.append(h("fieldset", null,
          h("legend", null, h("span", null, group), h("button", { type: "button", onclick: () => set(true) }, "all"), h("button", { type: "button", onclick: () => set(false) }, "none")),
          own.map((c) => {
            const box = h("input", { type: "checkbox", checked: state.on.has(c.key), "data-column": c.key, onchange: () => { state.on[box.checked ? "add" : "delete"](c.key); refresh(); } });
            boxes.push(box);
            return h("label", null, box, c.name || c.title);
          })));
      }
    }
    return outer;
  }

  // What the marks that this board has mean, a line each.
  function legend() {
    const all = [...cells.values()], any = (test) => all.some(test);
    const marks = [
      [".62 [.57, .67]", "the value with its 95 % interval", all.length > 0],
      [`2 [1${DASH}4]`, "rank, and the ranks that the examples leave possible", any((c) => c.rank !== null)],
      ["\u2605", "may be the best: cannot be told apart from the column\u2019s best", any((c) => c.best)],
      ["\u2193", "not surely above the best content-blind baseline", any((c) => c.above === 0)],
      ["\u2020", "read with care, for example trained on data like these", any((c) => c.flags)],
      [DASH, "not measured", all.length < core.models.length * core.suites.length],
    ];
    return h("ul", { class: "marks", "aria-label": "Marks" }, marks.filter((mark) => mark[2]).map(([mark, text]) => h("li", null, h("b", null, mark), ` ${text}`)));
  }

  return {
    show(main) {
      head = h("thead"); body = h("tbody"); count = h("span", { class: "count", role: "status" });
      const search = h("input", { type: "search", placeholder: "Filter models", "aria-label": "Filter models", value: state.filter, oninput: () => { state.filter = search.value; filter(); } });
      const only = h("input", { type: "checkbox", checked: state.models, onchange: () => { state.models = only.checked; filter(); } });
      const average = h("input", { type: "checkbox", checked: state.own, onchange: () => averageShown(average.checked) });
      main.append(
        h("div", { class: "bar" }, search, h("label", null, only, "models only"), picker(),
          averaged.length > 1 && h("label", { title: "Averages the suites whose columns are shown" }, average, "mean of the shown suites"), count,
          h("span", { class: "hint" }, "Sort by a heading; open a model by its name."), shownOf),
        h("div", { class: "board-scroll", tabindex: 0, role: "region", "aria-label": "Leaderboard" }, h("table", { class: "board" }, head, body)),
        legend());
      refresh();
    },
  };
})();
