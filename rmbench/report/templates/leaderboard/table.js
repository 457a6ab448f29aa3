// The board itself: rows are made once, then sorted, filtered and given other columns.
const board = (() => {
  const devices = [...new Set(core.costs.map((c) => c.device))];
  const costOf = (model, device) => core.costs.find((c) => c.model === model && c.device === device);
  const costKinds = [["tokens", "tokens/s"], ["pairs", "pairs/s"], ["memory", "peak memory"]];

  const columns = [];
  const add = (column) => columns.push(column);
  if (means.size) {
    add({ key: "mean", group: "Suites", title: "mean", sub: () => `of ${core.mean.suites.length} suites`, value: (m) => (means.get(m) || {}).value, draw: (m) => numberCell(null, means.get(m), means.size > 1), on: true, help: `Unweighted mean over ${core.mean.suites.map((i) => core.suites[i].label).join(", ")}` });
  }
  core.suites.forEach((suite, i) => add({
    key: `s${i}`, suite: i, group: "Suites", title: suite.label,
    sub: () => `${suite.metric}${suite.ranked ? `, n = ${suite.n.toLocaleString("en")}` : ""}`,
    stale: suite.older, help: suite.title + (suite.help ? `: ${suite.help}` : ""),
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

  const empty = () => h("td", { class: "none", title: "not measured" }, "\u00b7");
  function numberCell(suite, c, ranked) {
    if (!c) return empty();
    const marks = [];
    if (ranked && c.best) marks.push(h("span", { class: "best", title: "cannot be told apart from the best" }, " \u2605"));
    if (c.above === 0) marks.push(h("span", { class: "mark", title: "not surely above the best content-blind baseline" }, " \u2193"));
    if (c.flags) marks.push(h("span", { class: "mark", title: c.flags.join("; ") }, " \u2020"));
    const why = c.missing ? `partial: without ${c.missing.join(", ")}${c.more ? ` and ${c.more} more` : ""}` : c.reason;
    return h("td", { class: c.missing && "partial", title: why },
      h("span", { class: "v" }, shown(suite, c.value)), marks,
      ranked && c.rank !== null && h("span", { class: "rk" }, ` ${rankText(c)}`),
      h("span", { class: "ci" }, c.missing ? "partial " : "", interval(suite, c.low, c.high)));
  }

  const state = { sort: means.size ? "mean" : null, down: true, filter: "", models: false, on: new Set(columns.filter((c) => c.on).map((c) => c.key)) };
  if (!state.sort) {
    const most = [...core.suites.keys()].sort((a, b) => core.suites[b].ranked - core.suites[a].ranked)[0];
    state.sort = most === undefined ? "name" : `s${most}`;
  }
  // A board with many suites starts with those that most models have.
  if (core.suites.length > 12) {
    const ranked = [...core.suites.keys()].sort((a, b) => core.suites[b].ranked - core.suites[a].ranked || a - b);
    const shownFirst = new Set(ranked.slice(0, 12));
    core.suites.forEach((_, i) => { if (!shownFirst.has(i)) state.on.delete(`s${i}`); });
  }

  let body, head, rows, count;
  const visibleColumns = () => columns.filter((c) => state.on.has(c.key));

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
      visibleColumns().map((c) => cellOf(c.key, c.title, c.sub() + (c.stale ? ", older version" : ""), { title: c.help, class: c.stale && "stale" }))));
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
    const first = column ? !column.low && !column.text : false;
    state.down = state.sort === key ? !state.down : first;
    state.sort = key;
    makeHead();
    order();
    const again = head.querySelector(`[data-sort="${key}"]`);
    if (again) again.focus();
  }
  function refresh() { makeRows(); makeHead(); order(); filter(); }

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
        const own = columns.filter((c) => c.group === group), boxes = [];
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

  return {
    show(main) {
      head = h("thead"); body = h("tbody"); count = h("span", { class: "count", role: "status" });
      const search = h("input", { type: "search", placeholder: "Filter models", "aria-label": "Filter models", value: state.filter, oninput: () => { state.filter = search.value; filter(); } });
      const only = h("input", { type: "checkbox", checked: state.models, onchange: () => { state.models = only.checked; filter(); } });
      main.append(
        h("div", { class: "bar" }, search, h("label", null, only, "models only"), picker(), count,
          h("span", { class: "hint" }, "Sort by a heading; open a model by its name.")),
        h("div", { class: "board-scroll", tabindex: 0, role: "region", "aria-label": "Leaderboard" }, h("table", { class: "board" }, head, body)));
      refresh();
    },
  };
})();
