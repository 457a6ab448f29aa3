(() => {
  const all = () => document.querySelectorAll("details");
  const tools = document.querySelector(".tools");
  const button = document.createElement("button");
  button.type = "button";
  const label = () => { button.textContent = [...all()].some((d) => !d.open) ? "Unfold everything" : "Fold everything"; };
  button.addEventListener("click", () => {
    const open = [...all()].some((d) => !d.open);
    all().forEach((d) => { d.open = open; });
    label();
  });
  label();
  tools.append(button);
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...all()].filter((d) => !d.open);
    folded.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => { folded.forEach((d) => { d.open = false; }); });
})();
