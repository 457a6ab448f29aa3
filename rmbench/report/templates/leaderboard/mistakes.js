// The worst mistakes. Only the rows in sight are elements, however many there are.
const ITEM = 56;
const mistakesState = { model: "", suite: "", words: "" };

function showMistakes(main, m, i) {
  if (m !== undefined) { mistakesState.model = m; mistakesState.suite = i === undefined ? "" : i; }
  const { rows, texts, all } = examples();
  main.append(h("h2", null, "Mistakes"));
  if (!rows.length) {
    main.append(h("p", null, all ? "This page was made without texts." : ["The results keep no mistakes with their texts. ", h("code", null, "rmbench leaderboard DIR -o board.html --data DATA"), " takes them from the suites\u2019 own data."]));
    return;
  }
  const models = [...new Set(rows.map((r) => r[0]))].sort((x, y) => x - y), suites = [...new Set(rows.map((r) => r[1]))].sort((x, y) => x - y);
  const found = lazily(() => texts.map((t) => [t[0], t[1], ...t[2].map((turn) => turn[1]), t[3][0], t[4][0]].join("\n").toLowerCase()));
  let kept = [], at = 0;
  const space = h("div", { class: "space" }), count = h("span", { class: "count", role: "status" }), detail = h("article", { class: "detail", "aria-live": "polite" });
  const list = h("div", { class: "list", role: "listbox", tabindex: 0, "aria-label": "Mistakes", onscroll: draw, onkeydown: keys }, space);
  const search = h("input", { type: "search", placeholder: "Search the texts", "aria-label": "Search the texts", value: mistakesState.words, oninput: () => { mistakesState.words = search.value; choose(); } });
  main.append(
    h("div", { class: "bar" },
      select("model", [["", "all"], ...models.map((x) => [x, core.models[x].name])], mistakesState.model, (v) => { mistakesState.model = v; choose(); }, true),
      select("suite", [["", "all"], ...suites.map((x) => [x, core.suites[x].label])], mistakesState.suite, (v) => { mistakesState.suite = v; choose(); }, true),
      search, count),
    h("p", { class: "hint" }, all > rows.length ? `The page holds ${rows.length.toLocaleString("en")} of ${all.toLocaleString("en")} mistakes that were found, the worst of every model on every suite first.` : "The worst mistakes of every model on every suite.", " Arrow keys move through the list."),
    h("div", { class: "mistakes" }, list, detail));
  choose();

  function choose() {
    const words = mistakesState.words.toLowerCase().split(/\s+/).filter(Boolean);
    const { model, suite } = mistakesState;
    kept = rows.filter((r) => (model === "" || r[0] === Number(model)) && (suite === "" || r[1] === Number(suite)) && (!words.length || words.every((w) => found()[r[2]].includes(w))));
    count.textContent = `${kept.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    space.style.height = `${kept.length * ITEM}px`;
    list.scrollTop = 0;
    at = 0;
    draw();
    open();
  }
  function draw() {
    const first = Math.max(0, Math.floor(list.scrollTop / ITEM) - 4), last = Math.min(kept.length, first + Math.ceil((list.clientHeight || 700) / ITEM) + 9);
    const nodes = [];
    for (let k = first; k < last; k++) {
      const r = kept[k], t = texts[r[2]];
      const node = h("div", { class: "item", role: "option", id: `mistake-${k}`, "aria-selected": String(k === at), "aria-setsize": kept.length, "aria-posinset": k + 1, onclick: () => { at = k; draw(); open(); } },
        h("div", null, h("b", { class: "num" }, number(r[3], true)), ` ${core.models[r[0]].name}`),
        h("div", { class: "muted" }, `${core.suites[r[1]].label} \u00b7 ${t[1]} \u00b7 ${t[0]}`));
      node.style.top = `${k * ITEM}px`;
      nodes.push(node);
    }
    space.replaceChildren(...nodes);
    if (kept.length) list.setAttribute("aria-activedescendant", `mistake-${at}`); else list.removeAttribute("aria-activedescendant");
  }
  function keys(e) {
    const page = Math.max(1, Math.floor(list.clientHeight / ITEM) - 1);
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[e.key];
    if (move === undefined || !kept.length) return;
    e.preventDefault();
    at = Math.min(Math.max(at + move, 0), kept.length - 1);
    if (at * ITEM < list.scrollTop) list.scrollTop = at * ITEM;
    else if ((at + 1) * ITEM > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ITEM - list.clientHeight;
    draw();
    open();
  }
  function open() {
    const r = kept[at];
    if (!r) { detail.replaceChildren(h("p", { class: "muted" }, "Nothing matches.")); return; }
    const t = texts[r[2]];
    const box = (label, text, cut, cls) => h("div", { class: `turn ${cls || ""}` }, h("p", { class: "label" }, label),
      h("div", { class: "text-box", dir: "auto" }, h("pre", null, text), cut > 0 && h("p", { class: "muted small" }, `${cut.toLocaleString("en")} characters beyond these are not in this page.`)));
    detail.replaceChildren(
      h("p", { class: "facts" }, h("a", { href: `#/model/${r[0]}` }, core.models[r[0]].name), ` on ${core.suites[r[1]].label} \u00b7 ${t[1]} \u00b7 ${t[0]} \u00b7 margin ${number(r[3], true)}`),
      ...t[2].map((turn) => box(turn[0], turn[1], turn[2])),
      h("div", { class: "answers" }, box([h("b", null, "Chosen"), `, reward ${number(r[4])}`], t[3][0], t[3][1], "chosen"), box([h("b", null, "Rejected"), `, reward ${number(r[5])}`], t[4][0], t[4][1], "rejected")));
  }
}
