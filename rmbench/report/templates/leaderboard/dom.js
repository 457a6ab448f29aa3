// Building elements. Text only ever becomes text: nothing here parses markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in PROPERTIES) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child !== null && child !== undefined && child !== false && child !== "") node.append(child);
  }
  return node;
}
const PROPERTIES = { value: 1, checked: 1, hidden: 1, selected: 1 };
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A name may wrap after its separators.
const breakable = (name) =>
  name.split(/(?<=[_/:.\-])/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]));

const tag = (text, warn) => h("span", { class: warn ? "tag warn" : "tag" }, text);
const table = (head, rows, attributes) =>
  h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": (attributes || {}).label },
    h("table", { class: (attributes || {}).class || "plain" },
      h("thead", null, h("tr", null, head.map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", null, rows)));

let serial = 0;
function select(label, options, value, onchange, wide) {
  const id = `f${++serial}`;
  const node = h("select", { id, "data-focus": label, onchange: () => onchange(node.value) },
    options.map(([key, text]) => h("option", { value: String(key) }, text)));
  node.value = String(value);
  return h("label", { for: id, class: wide && "wide" }, label, node);
}
