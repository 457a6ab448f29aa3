// Which view the address asks for. Addresses can be shared and the back button works.
const VIEWS = [["", "Leaderboard"], ["versus", "Head to head"], ["speed", "Accuracy and speed"], ["mistakes", "Mistakes"]];

function route() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const main = document.getElementById("main");
  // A plain anchor (#main, #reading) is a place on the page, not a view.
  if (name && document.getElementById(name)) return;
  const ids = rest.map((x) => (/^\d+$/.test(x) ? Number(x) : undefined));
  const known = (m) => m !== undefined && m < core.models.length;
  main.replaceChildren();
  let title = "";
  if (name === "model" && known(ids[0])) { showModel(main, ids[0]); title = core.models[ids[0]].name; }
  else if (name === "versus" && core.models.length) {
    const a = known(ids[0]) ? ids[0] : 0, b = known(ids[1]) ? ids[1] : Math.min(1, core.models.length - 1);
    showVersus(main, a, b);
    title = "Head to head";
  } else if (name === "speed") { showSpeed(main); title = "Accuracy and speed"; }
  else if (name === "mistakes") { showMistakes(main, known(ids[0]) ? ids[0] : undefined, ids[1] < core.suites.length ? ids[1] : undefined); title = "Mistakes"; }
  else board.show(main);
  document.title = title ? `${title} \u00b7 ${core.title}` : core.title;
  const current = name === "model" ? "" : VIEWS.some(([key]) => key === name) ? name : "";
  document.getElementById("views").replaceChildren(...VIEWS.map(([key, text]) =>
    h("li", null, h("a", { href: `#/${key}`, "aria-current": key === current && "page" }, text))),
    h("li", null, h("a", { href: "#reading" }, "How to read this")));
}

let shownBefore = false;
addEventListener("hashchange", () => {
  const focused = document.activeElement.dataset.focus;
  route();
  const place = document.getElementById(location.hash.slice(1));
  if (place) return;
  const again = focused && document.querySelector(`[data-focus="${focused}"]`);
  if (again) { again.focus(); return; }
  scrollTo(0, 0);
  // The keyboard goes on from the new view, not from a link that is gone.
  if (shownBefore) document.getElementById("main").focus({ preventScroll: true });
});
route();
shownBefore = true;
